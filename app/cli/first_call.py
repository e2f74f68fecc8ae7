"""What a member is told with its credentials: how to make the first call."""

from typing import Any

_BASIC = """\
Client  {id}   ({name})
Secret  {secret}
        Shown this once. It ends on {expires}.

First call:

  TOKEN=$(curl -s -u '{id}:{secret}' -d grant_type=client_credentials \\
    {token_endpoint} | python3 -c 'import json,sys; print(json.load(sys.stdin)["access_token"])')
  curl -H "Authorization: Bearer $TOKEN" {issuer}/v1/me

With this command line:

  export HALYARD_URL={issuer} HALYARD_CLIENT_ID={id} HALYARD_CLIENT_SECRET={secret}
  halyard token --check"""

_ASSERTED = """\
Client  {id}   ({name})
Key     {key}

First call, with this command line, which signs the assertion (RFC 7523):

  export HALYARD_URL={issuer} HALYARD_CLIENT_ID={id} HALYARD_CLIENT_KEY_FILE={key_file}
{call}

Any OAuth library can do the same: private_key_jwt at {token_endpoint},
with iss = sub = {id} and aud = {issuer}, valid for at most 300 seconds."""

_BEARER = '  curl -H "Authorization: Bearer $(halyard token)" {issuer}/v1/me'

_PROVEN = """\
  TOKEN=$(halyard token)
  curl -H "Authorization: DPoP $TOKEN" \\
    -H "DPoP: $(halyard proof GET {issuer}/v1/me --token "$TOKEN")" {issuer}/v1/me"""

_PROVEN_BASIC = """\
Client  {id}   ({name})
Secret  {secret}
        Shown this once. It ends on {expires}.

First call, with this command line, which binds the token to a key (DPoP, RFC 9449):

  export HALYARD_URL={issuer} HALYARD_CLIENT_ID={id} HALYARD_CLIENT_SECRET={secret}
  halyard token --check"""


def first_call(form: dict[str, Any]) -> str:
    """Credentials and a first call as text; `form` as `issued_form` made it."""
    client = form["client"]
    common = {"id": client["id"], "name": client["name"], "issuer": form["issuer"]}
    common["token_endpoint"] = form["token_endpoint"]
    if form["secret"] is not None:
        expires = client["secret_expires_at"][:10]
        text = _PROVEN_BASIC if client["dpop_bound_access_tokens"] else _BASIC
        return text.format(secret=form["secret"], expires=expires, **common)
    key = "the member's own, published" if "jwks_uri" in client else "the member's own, registered"
    if form["key_file"]:
        key = f"{form['key_file']} (private: keep it)"
    call = (_PROVEN if client["dpop_bound_access_tokens"] else _BEARER).format(issuer=form["issuer"])
    return _ASSERTED.format(key=key, key_file=form["key_file"] or "private-key.json", call=call, **common)
