"""What followed from what."""

from pipeline.render import charts
from pipeline.render.context.basis import Basis
from pipeline.render.figures import count, duration, percent, ratio
from pipeline.render.untrusted import Untrusted
from pipeline.render.views import ChainNoteView, ChainView, EdgeView, Link, NodeView

_EVIDENCE = {
    "stated": "stated in the trace",
    "trace": "same request or trace id",
    "lag": "time between them",
}


def chain_view(basis: Basis) -> ChainView | None:
    """Return what followed from what, null where nothing is ordered."""
    chain = basis.result.chain
    if not chain.nodes:
        return None
    labels = {node.node_id: node.label for node in chain.nodes}
    links = {
        node.node_id: Link(Untrusted(node.label), basis.anchors.get(node.finding_id or "", ""))
        for node in chain.nodes
    }
    keys = {node.node_id: f"n{at}" for at, node in enumerate(chain.nodes)}
    edges = [e for e in chain.edges if e.source in keys and e.target in keys]
    said = [f"{labels[e.source]} precedes {labels[e.target]} ({percent(e.share)})" for e in edges]
    return ChainView(
        graph=charts.chain_graph(chain.nodes, edges),
        nodes=[
            NodeView(
                keys[node.node_id],
                Untrusted(node.label),
                node.kind,
            )
            for node in chain.nodes
        ],
        edges=[
            EdgeView(
                source=links[edge.source],
                target=links[edge.target],
                source_key=keys[edge.source],
                target_key=keys[edge.target],
                evidence=_EVIDENCE[edge.evidence],
                grade=edge.grade,
                together=count(edge.together_count),
                share=percent(edge.share),
                lift=ratio(edge.lift),
                lag=duration(edge.median_lag_seconds),
                control=percent(edge.negative_control),
                checked=Untrusted(edge.checked),
            )
            for edge in edges
        ],
        first_failures=[
            Untrusted(basis.names[one]) for one in chain.first_failures if one in basis.names
        ],
        order_unknown=[
            (Untrusted(basis.names[pair[0]]), Untrusted(basis.names[pair[1]]))
            for pair in chain.order_unknown
            if len(pair) == 2 and all(one in basis.names for one in pair)
        ],
        notes=[
            ChainNoteView([Untrusted(labels[name]) for name in note.node_ids], Untrusted(note.text))
            for note in chain.notes
            if note.node_ids and all(name in labels for name in note.node_ids)
        ],
        description=Untrusted("; ".join(said) + "." if said else "No order is known."),
    )
