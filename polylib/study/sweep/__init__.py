"""Many runs of one study: which ones a file asks for, where they are executed, what became of them.

It knows runs and their results as numbers; a run itself is the runner's business.
"""
