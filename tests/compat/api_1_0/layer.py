"""Plugin API 1.0: a layer between the others and the backend."""

tensorplug_api = (1, 0)
seen = []


class Doubling:
    """Doubles what `mul` gives and looks at everything else."""

    name = "doubling"
    rank = 60

    def wrap(self, function, key, inner):
        if function.name == "copy":
            return None

        def around(args, outs=None):
            seen.append(function.name)
            result = inner(args) if outs is None else inner(args, outs)
            return result + result if function.name == "mul" else result

        return around


def tensorplug_layers():
    return [Doubling()]
