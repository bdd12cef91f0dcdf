"""The mutations: input read, one use case of the desk called, its outcome as a payload."""
