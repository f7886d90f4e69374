"""What is wrong with a model or a file of weights: one module a family of defects, each rule with its evidence."""
