"""``python -m inspector.worker``: for workers that run elsewhere."""

from inspector.worker.child import main

main(as_rank=True)
