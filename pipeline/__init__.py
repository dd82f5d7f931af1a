"""The pipeline behind the post: verbs run (`python -m pipeline.evaluate --help`), nouns are imported."""


class PipelineError(Exception):
    """Something a user can mend; the message is one sentence that names the file and the cure."""
