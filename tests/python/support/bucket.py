"""What a bucket holds, asked over its S3 API by a client that shares nothing with liteflare's: the standard library signs.

In: the settings of a bucket. Out: its keys and bytes.
"""

import hashlib
import hmac
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from urllib.parse import quote, urlsplit

S3 = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class Bucket:
    def __init__(self, settings: dict):
        self.url = f"{settings['LITEFLARE_R2_ENDPOINT']}/{settings['LITEFLARE_R2_BUCKET']}"
        self.id, self.secret = settings["R2_ACCESS_KEY_ID"], settings["R2_SECRET_ACCESS_KEY"]

    def create(self):
        self._ask("PUT")

    def get(self, key: str) -> bytes:
        return self._ask("GET", key)

    def put(self, key: str, body: bytes):
        self._ask("PUT", key, body=body)

    def sizes(self) -> dict[str, int]:
        """All keys and how many bytes each has."""
        sizes, after = {}, {}
        while True:
            page = ET.fromstring(self._ask("GET", **{"list-type": "2"}, **after))
            sizes |= {entry.findtext(f"{S3}Key"): int(entry.findtext(f"{S3}Size")) for entry in page.iter(f"{S3}Contents")}
            if page.findtext(f"{S3}IsTruncated") != "true":
                return sizes
            after = {"continuation-token": page.findtext(f"{S3}NextContinuationToken")}

    def _ask(self, method: str, key: str = "", body: bytes = b"", **query: str) -> bytes:
        url = urlsplit(self.url + (f"/{quote(key)}" if key else ""))
        asked = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items()))
        headers = self._signed(method, url.netloc, url.path, asked, hashlib.sha256(body).hexdigest())
        request = urllib.request.Request(f"{url.geturl()}?{asked}".rstrip("?"), body or None, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {url.path}?{asked}: {error.code} {error.read()[:500]}") from error

    def _signed(self, method: str, host: str, path: str, query: str, payload: str) -> dict:
        """AWS Signature Version 4, in the four steps of its documentation."""
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        headers = {"host": host, "x-amz-content-sha256": payload, "x-amz-date": now}
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        canonical = "\n".join([method, path, query, lines, names, payload])
        scope = f"{now[:8]}/auto/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = f"AWS4{self.secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        signed = f"AWS4-HMAC-SHA256 Credential={self.id}/{scope}, SignedHeaders={names}, Signature={signature}"
        return {**headers, "authorization": signed}
