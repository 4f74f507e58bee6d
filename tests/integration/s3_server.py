# SPDX-License-Identifier: Apache-2.0
"""A small S3: PUT, GET, HEAD and DELETE of objects in memory, multipart uploads, strict about signatures.

It recomputes Signature Version 4 from the request as it came over the wire and refuses what differs,
names faults it was asked to commit, and speaks path style (/BUCKET/KEY) and virtual hosts
(BUCKET.ANYTHING:PORT). Only the standard library. tests/integration/test_s3_server.py checks it with
boto3 as its client.

    with S3Server() as s3:
        s3.put("bucket", "dir/key", b"bytes")
        s3.endpoint                      # http://127.0.0.1:PORT
        s3.faults.append(Fault(cut_after=1000))
        s3.requests                      # what came: method, path, headers, status
"""

import datetime
import email.utils
import hashlib
import hmac
import re
import socket
import struct
import threading
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW_SECONDS = 15 * 60
NEVER_SIGNED = {"user-agent", "connection", "expect", "transfer-encoding", "authorization"}


@dataclass
class Fault:
    """One misbehaviour; used up by the next `times` object GETs that reach the body."""

    times: int = 1
    cut_after: int = None        # close the connection behind so many bytes of the body
    reset: bool = False          # with an RST instead of an orderly end
    status: int = None           # answer with this instead, e.g. 503
    headers: dict = field(default_factory=dict)   # added to that answer
    code: str = "InternalError"
    content: bytes = None        # send these bytes as if they were the object
    ignore_range: bool = False   # 200 and everything, although a range was asked for
    endless: bool = False        # chunked, and never ends
    shift_range: int = 0         # lie about where the range begins


@dataclass
class Seen:
    method: str
    host: str
    path: str
    headers: dict
    status: int = None


class Refused(Exception):
    def __init__(self, status, code, message, headers=None):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = headers or {}


def _uri_encode(text, keep):
    return urllib.parse.quote(text, safe=keep + "-._~")


def canonical_query(query):
    pairs = []
    for part in query.split("&") if query else []:
        name, _, value = part.partition("=")
        pairs.append((_uri_encode(urllib.parse.unquote(name), ""),
                      _uri_encode(urllib.parse.unquote(value), "")))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def canonical_request(method, path, query, headers, signed, payload_hash):
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in signed)
    # S3: the path is signed as it must be sent, encoded exactly once.
    encoded = _uri_encode(urllib.parse.unquote(path), "/")
    return "\n".join([method, encoded, canonical_query(query), lines, ";".join(signed),
                      payload_hash])


def signing_key(secret, date, region, service):
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


class S3Server:
    def __init__(self, access_key="AKIDTEST", secret_key="secret/with+signs", region="us-east-1",
                 session_token=None, is_public=False, clock_offset=0):
        self.access_key, self.secret_key = access_key, secret_key
        self.session_token = session_token
        self.region = region
        self.is_public = is_public      # unsigned requests may read
        self.clock_offset = clock_offset
        self.buckets = {}
        self.faults = []
        self.write_faults = []          # (status, code) for the next PUTs and POSTs
        self.uploads = {}               # id: (bucket, key, metadata, {number: bytes})
        self.metadata = {}              # (bucket, key): x-amz-meta-… headers
        self.requests = []
        self.lock = threading.Lock()

    def start(self):
        handler = type("Handler", (_Handler,), {"s3": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05},
                                       daemon=True)
        self.thread.start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)

    __enter__ = start

    def __exit__(self, *_):
        self.stop()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def put(self, bucket, key, content):
        self.buckets.setdefault(bucket, {})[key] = content

    def take_fault(self):
        with self.lock:
            if not self.faults:
                return None
            fault = self.faults[0]
            fault.times -= 1
            if fault.times <= 0:
                self.faults.pop(0)
            return fault

    def now(self):
        offset = datetime.timedelta(seconds=self.clock_offset)
        return datetime.datetime.now(datetime.timezone.utc) + offset

    def check_signature(self, method, path, query, headers, body):
        """Raises Refused unless the request is signed by our key, now, for us, and for these bytes."""
        value = headers.get("authorization")
        if value is None:
            if self.is_public and method in ("GET", "HEAD"):
                return
            raise Refused(403, "AccessDenied", "Access Denied")
        match = re.fullmatch(
            ALGORITHM + r" Credential=([^/,]+)/(\d{8})/([^/,]+)/([^/,]+)/aws4_request, ?"
            r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})", value)
        if not match:
            raise Refused(400, "AuthorizationHeaderMalformed", "The authorization header is malformed.")
        access_key, date, region, service, names, signature = match.groups()
        if access_key != self.access_key:
            raise Refused(403, "InvalidAccessKeyId", "The key does not exist in our records.")
        if region != self.region or service != "s3":
            raise Refused(400, "AuthorizationHeaderMalformed",
                          f"The region '{region}' is wrong; expecting '{self.region}'",
                          {"x-amz-bucket-region": self.region})
        self._check_date(headers, date)
        signed = names.split(";")
        self._check_signed_headers(headers, signed)
        payload_hash = self._check_payload(headers, body)
        request = canonical_request(method, path, query, headers, signed, payload_hash)
        text = "\n".join([ALGORITHM, headers["x-amz-date"], f"{date}/{region}/s3/aws4_request",
                          hashlib.sha256(request.encode()).hexdigest()])
        key = signing_key(self.secret_key, date, region, "s3")
        wanted = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted, signature):
            raise Refused(403, "SignatureDoesNotMatch",
                          "The request signature we calculated does not match.")
        if headers.get("x-amz-security-token") != self.session_token:
            raise Refused(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")

    def _check_date(self, headers, date):
        stamp = headers.get("x-amz-date", "")
        if not re.fullmatch(r"\d{8}T\d{6}Z", stamp) or not stamp.startswith(date):
            raise Refused(403, "AccessDenied", "A valid x-amz-date header is required.")
        sent = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ")
        sent = sent.replace(tzinfo=datetime.timezone.utc)
        if abs((self.now() - sent).total_seconds()) > SKEW_SECONDS:
            raise Refused(403, "RequestTimeTooSkewed",
                          "The difference between the request time and the current time is too large.")

    @staticmethod
    def _check_signed_headers(headers, signed):
        must = {"host"} | {name for name in headers if name.startswith("x-amz-")}
        wrong = (signed != sorted(set(signed)) or not must <= set(signed)
                 or NEVER_SIGNED & set(signed) or not set(signed) <= set(headers))
        if wrong:
            raise Refused(403, "AccessDenied", "There were headers present which were not signed")

    @staticmethod
    def _check_payload(headers, body):
        payload_hash = headers.get("x-amz-content-sha256")
        if payload_hash is None:
            raise Refused(400, "InvalidRequest", "Missing required header: x-amz-content-sha256")
        if payload_hash != "UNSIGNED-PAYLOAD" and payload_hash != hashlib.sha256(body).hexdigest():
            raise Refused(400, "XAmzContentSHA256Mismatch", "The hash does not match the payload.")
        return payload_hash


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "TestS3"
    s3 = None

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return email.utils.format_datetime(self.s3.now(), usegmt=True)

    def _serve(self):
        self.seen = Seen(self.command, self.headers.get("Host", ""), self.path,
                         {name.lower(): value for name, value in self.headers.items()})
        self.s3.requests.append(self.seen)
        try:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path, _, query = self.path.partition("?")
            self.s3.check_signature(self.command, path, query, self.seen.headers, body)
            bucket, key = self._name(path)
            self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
            if self.command in ("PUT", "POST") and self.s3.write_faults:
                raise Refused(*self.s3.write_faults.pop(0), "injected")
            verbs = {"GET": self._get, "HEAD": self._get, "PUT": self._put, "DELETE": self._delete,
                     "POST": self._post}
            verbs[self.command](bucket, key, body)
        except Refused as refused:
            self._refuse(refused)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = _serve

    def _name(self, path):
        """Path style if the host is bare, else the bucket is the host's first label."""
        host = self.seen.host.rsplit(":", 1)[0]
        text = urllib.parse.unquote(path.lstrip("/"))
        if host == "localhost" or re.fullmatch(r"[\d.]+", host) or host.startswith("s3."):
            bucket, _, key = text.partition("/")
            return bucket, key
        return host.split(".")[0], text

    def _refuse(self, refused):
        body = (f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{refused.code}</Code>'
                f"<Message>{escape(refused.message)}</Message></Error>").encode()
        self._head(refused.status, len(body), {"Content-Type": "application/xml", **refused.headers})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status, length, headers):
        self.seen.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _object(self, bucket, key):
        if bucket not in self.s3.buckets:
            raise Refused(404, "NoSuchBucket", "The specified bucket does not exist")
        if key not in self.s3.buckets[bucket]:
            raise Refused(404, "NoSuchKey", "The specified key does not exist.")
        return self.s3.buckets[bucket][key]

    def _put(self, bucket, key, body):
        if key == "":
            self.s3.buckets.setdefault(bucket, {})
        elif bucket not in self.s3.buckets:
            raise Refused(404, "NoSuchBucket", "The specified bucket does not exist")
        elif "uploadId" in self.query:
            self._upload()[3][int(self.query["partNumber"])] = body
        else:
            self.s3.buckets[bucket][key] = body
            self.s3.metadata[bucket, key] = self._metadata()
        self._head(200, 0, {"ETag": f'"{hashlib.md5(body).hexdigest()}"'})

    def _metadata(self):
        return {name[11:]: value for name, value in self.seen.headers.items() if name.startswith("x-amz-meta-")}

    def _upload(self):
        if self.query["uploadId"] not in self.s3.uploads:
            raise Refused(404, "NoSuchUpload", "The specified upload does not exist.")
        return self.s3.uploads[self.query["uploadId"]]

    def _post(self, bucket, key, body):
        if bucket not in self.s3.buckets:
            raise Refused(404, "NoSuchBucket", "The specified bucket does not exist")
        if "uploads" in self.query:
            number = f"upload+{len(self.seen.path)}/{len(self.s3.requests)}=="
            self.s3.uploads[number] = (bucket, key, self._metadata(), {})
            return self._xml(f"<InitiateMultipartUploadResult><UploadId>{number}</UploadId>"
                             "</InitiateMultipartUploadResult>")
        _, _, metadata, parts = self._upload()
        listed = re.findall(r"<PartNumber>(\d+)</PartNumber><ETag>([^<]*)</ETag>", body.decode())
        have = [(str(number), f'"{hashlib.md5(parts[number]).hexdigest()}"') for number in sorted(parts)]
        if listed != have or any(len(parts[number]) < 5 << 20 for number in sorted(parts)[:-1]):
            raise Refused(400, "InvalidPart", "One or more of the specified parts could not be found.")
        self.s3.buckets[bucket][key] = b"".join(parts[number] for number in sorted(parts))
        self.s3.metadata[bucket, key] = metadata
        del self.s3.uploads[self.query["uploadId"]]
        return self._xml("<CompleteMultipartUploadResult/>")

    def _xml(self, text):
        self._head(200, len(text), {"Content-Type": "application/xml"})
        self.wfile.write(text.encode())

    def _delete(self, bucket, key, _):
        if "uploadId" in self.query:
            self._upload()
            del self.s3.uploads[self.query["uploadId"]]
            return self._head(204, None, {})
        self.s3.buckets.get(bucket, {}).pop(key, None)
        return self._head(204, None, {})

    def _object_headers(self, content):
        return {"ETag": f'"{hashlib.md5(content).hexdigest()}"', "Accept-Ranges": "bytes",
                "Content-Type": "binary/octet-stream"}

    def _get(self, bucket, key, _):
        content = self._object(bucket, key)
        headers = self._object_headers(content)
        if self.headers.get("If-Match", headers["ETag"]) != headers["ETag"]:
            raise Refused(412, "PreconditionFailed", "At least one of the pre-conditions did not hold")
        if self.command == "HEAD":
            return self._head(200, len(content), headers)
        fault = self.s3.take_fault() or Fault()
        if fault.status:
            raise Refused(fault.status, fault.code, "injected", fault.headers)
        if fault.endless:
            return self._send_endless(headers)
        if fault.content is not None:
            content = fault.content
        start, end = self._range(content, fault)
        if start is None:
            self._head(200, len(content), headers)
            return self._send(content, fault)
        lie = start + fault.shift_range
        headers["Content-Range"] = f"bytes {lie}-{end - 1 + fault.shift_range}/{len(content)}"
        self._head(206, end - start, headers)
        return self._send(content[start:end], fault)

    def _range(self, content, fault):
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not match or fault.ignore_range:
            return None, None
        start, end = int(match[1]), int(match[2] or len(content) - 1) + 1
        if start >= len(content):
            raise Refused(416, "InvalidRange", "The requested range is not satisfiable")
        return start, min(end, len(content))

    def _send(self, content, fault):
        if fault.cut_after is None:
            self.wfile.write(content)
            return
        self.wfile.write(content[:fault.cut_after])
        self.wfile.flush()
        self.close_connection = True
        if fault.reset:
            # Linger of zero: close sends an RST. The bytes so far may be lost with it.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _send_endless(self, headers):
        self._head(200, None, {**headers, "Transfer-Encoding": "chunked"})
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        while True:
            self.wfile.write(chunk)
