"""The process a local runtime runs in. It imports nothing of VoiceGateway: standard library, and the one runtime.

The agent's process starts it by path and speaks to it over its standard input and output, in the frames of
``frames.py``. So a runtime that crashes takes no call with it, and one under the GPL stays in a program of its own.
"""
