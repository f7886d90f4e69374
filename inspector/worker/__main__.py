"""``python -m inspector.worker``: for workers that run elsewhere."""

from inspector.worker.child import main

main()
