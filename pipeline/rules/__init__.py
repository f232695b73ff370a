"""Error classes as data: which name an error goes by, and what is generally known of it.

A rule file is one family of classes (`database.toml`); `load` reads and checks them, `knowledge`
reads what the report says of a class. SQL does the matching, on distinct texts
(docs/decisions/004-templates.md).
"""

from pipeline.rules.knowledge import KnowledgeBase, load_knowledge
from pipeline.rules.load import Pattern, Rule, check_rule, load_rules, parse_rules, rule_table

__all__ = [
    "KnowledgeBase",
    "Pattern",
    "Rule",
    "check_rule",
    "load_knowledge",
    "load_rules",
    "parse_rules",
    "rule_table",
]
