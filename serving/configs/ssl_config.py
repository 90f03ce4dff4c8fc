"""Writes an SSLConfig, for --ssl_config_file, from PEM files: TF Serving wants their texts inside of it.

python serving/configs/ssl_config.py --key=server.key --cert=server.pem [--client_ca=ca.pem] > ssl.config
With --client_ca only clients whose certificate that authority signed are answered. The key is in the output: keep it
where nobody else reads it, and out of version control.
"""

import argparse
import pathlib
import sys


def main() -> int:
    """The exit code: 0, or 2 with a line that says why."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--key", type=pathlib.Path, required=True, help="the server's private key, not encrypted")
    parser.add_argument("--cert", type=pathlib.Path, required=True, help="its certificate, and those between")
    parser.add_argument("--client_ca", type=pathlib.Path, help="the authority of the clients' certificates")
    args = parser.parse_args()
    files = {"server_key": args.key, "server_cert": args.cert}
    if args.client_ca:
        files["custom_ca"] = args.client_ca
    lines = []
    for field, file in files.items():
        try:
            text = file.read_text("ascii")
        except (OSError, UnicodeDecodeError) as error:
            return _tell(f"{file}: cannot be read ({error})")
        if ("PRIVATE KEY-----" if field == "server_key" else "CERTIFICATE-----") not in text:
            return _tell(f"{file}: no PEM of a {'key' if field == 'server_key' else 'certificate'}; give another file")
        lines.append(f"{field}:" + "".join(f'\n  "{line}\\n"' for line in text.splitlines()))
    lines.append(f"client_verify: {'true' if args.client_ca else 'false'}")
    print("\n".join(lines))
    return 0


def _tell(line: str) -> int:
    print(f"ssl_config.py: {line}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
