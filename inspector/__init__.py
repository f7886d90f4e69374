"""nninspect: a terminal inspector and debugger for neural networks."""
