"""The verbs of the command line that stand beside the study, one module for each group of them."""
