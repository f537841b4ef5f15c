"""Plugin API 1.0: an entry point that names an object, with marked hooks and a manifest."""

from eight_methods import Runtime, cast, copy, fill

from tensorplug_dispatcher import hookimpl


class Plugin:
    tensorplug_api = (1, 0)

    @hookimpl
    def tensorplug_runtime(self):
        return Runtime()

    @hookimpl
    def tensorplug_kernels(self):
        return {copy, cast, fill}

    @hookimpl
    def tensorplug_manifest(self):
        return {"description": "an object", "url": "https://example.org"}


plugin = Plugin()
