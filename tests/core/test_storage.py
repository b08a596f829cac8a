"""Private files: one contract, the local folder and a real S3 protocol server."""

from __future__ import annotations

import base64
import io
import json
import os
from urllib.parse import urlsplit

import boto3
import pytest
import requests
from django.test import Client
from moto.server import ThreadedMotoServer

from apps.core import storage
from apps.core.storage import FileMissing, LocalStore, StorageDown, StoredFile, private_store

PDF = b"%PDF-1.7 facture " + bytes(range(256))
NAME = 'Facture n°7 "été".pdf'


@pytest.fixture
def local(settings, tmp_path):
    settings.S3_BUCKET = ""
    settings.PRIVATE_FILES_ROOT = tmp_path / "private"
    settings.PUBLIC_URL = "http://testserver"
    return private_store()


@pytest.fixture(scope="module")
def s3_server():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(settings, s3_server):
    settings.S3_BUCKET = "private"
    settings.S3_ENDPOINT_URL = s3_server
    settings.S3_REGION = "eu-west-3"
    settings.S3_ACCESS_KEY_ID = "test"
    settings.S3_SECRET_ACCESS_KEY = "test"
    requests.post(f"{s3_server}/moto-api/reset", timeout=5)
    client = boto3.client(
        "s3",
        endpoint_url=s3_server,
        region_name="eu-west-3",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket="private", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
    return private_store()


@pytest.fixture(params=["local", "bucket"])
def store(request):
    return request.getfixturevalue(request.param)


def fetch(store, url):
    """Download over HTTP; return status, body, content type and disposition."""
    if isinstance(store, LocalStore):
        answer = Client().get(url)
        return answer.status_code, answer.getvalue(), answer.headers
    found = requests.get(url, timeout=5)
    return found.status_code, found.content, found.headers


def send(store, upload, data):
    """Upload as a browser would: the fields, then the file."""
    if isinstance(store, LocalStore):
        return Client().post(upload["url"], {**upload["fields"], "file": io.BytesIO(data)}).status_code
    return requests.post(upload["url"], data=upload["fields"], files={"file": data}, timeout=5).status_code


class TestEveryStore:
    def test_gives_back_what_was_put(self, store):
        store.put("p1/doc", PDF, "application/pdf")
        assert store.read("p1/doc") == PDF
        assert store.stat("p1/doc") == StoredFile(size=len(PDF), content_type="application/pdf")
        with store.open("p1/doc") as file:
            assert file.read(4) == b"%PDF"

    def test_takes_a_stream(self, store):
        data = os.urandom(3 * 1024 * 1024)
        store.put("p1/big", io.BytesIO(data), "application/zip")
        assert store.read("p1/big") == data

    def test_replaces_what_a_key_held(self, store):
        store.put("p1/doc", b"one", "text/plain")
        store.put("p1/doc", b"two", "application/pdf")
        assert (store.read("p1/doc"), store.stat("p1/doc").content_type) == (b"two", "application/pdf")

    def test_knows_what_is_there(self, store):
        assert not store.exists("p1/doc")
        store.put("p1/doc", PDF, "application/pdf")
        assert store.exists("p1/doc")
        store.delete("p1/doc")
        store.delete("p1/doc")
        assert not store.exists("p1/doc")

    @pytest.mark.parametrize("method", ["read", "open", "stat"])
    def test_refuses_a_key_that_holds_nothing(self, store, method):
        with pytest.raises(FileMissing):
            getattr(store, method)("p1/none")

    @pytest.mark.parametrize(
        "key",
        ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/.hidden", "a/", "a\\b", "a b", "a\x00", "é", ".",
         "a..b", "x" * 201],
    )  # fmt: skip
    def test_refuses_a_key_that_could_name_another_place(self, store, key):
        for act in (store.read, store.delete, lambda k: store.put(k, b"", "text/plain"),
                    lambda k: store.download_url(k, filename="x"),
                    lambda k: store.presign_upload(k, content_type="text/plain", max_size=9)):  # fmt: skip
            with pytest.raises(ValueError):
                act(key)

    def test_downloads_by_signed_url_as_an_attachment(self, store):
        store.put("p1/doc", PDF, "application/pdf")
        status, body, headers = fetch(store, store.download_url("p1/doc", filename=NAME))
        assert (status, body, headers["Content-Type"]) == (200, PDF, "application/pdf")
        assert headers["Content-Disposition"] == (
            'attachment; filename="Facture n_7 __t__.pdf"; '
            "filename*=UTF-8''Facture%20n%C2%B07%20%22%C3%A9t%C3%A9%22.pdf"
        )

    def test_uploads_by_signed_form(self, store):
        upload = store.presign_upload("p1/up", content_type="image/png", max_size=len(PDF))
        assert (upload["method"], upload["headers"]) == ("POST", {})
        assert send(store, upload, PDF) == 204
        assert store.stat("p1/up") == StoredFile(size=len(PDF), content_type="image/png")
        assert store.read("p1/up") == PDF

    def test_passes_its_check(self, store):
        store.check()


class TestLocalSignedUrls:
    @pytest.fixture
    def client(self):
        return Client(enforce_csrf_checks=True)

    def test_expire(self, local, client):
        local.put("p1/doc", PDF, "application/pdf")
        assert client.get(local.download_url("p1/doc", filename="x", expires=0)).status_code == 403

    def test_cannot_be_altered(self, local, client):
        local.put("p1/doc", PDF, "application/pdf")
        url = local.download_url("p1/doc", filename="x")
        token = urlsplit(url).path.removeprefix("/files/")
        for position in range(0, len(token), 7):
            other = "A" if token[position] != "A" else "B"
            answer = client.get(f"/files/{token[:position]}{other}{token[position + 1 :]}")
            assert answer.status_code == 403
            assert answer.json()["error"]["code"] == "LINK_REFUSED"

    def test_are_not_opened_by_another_key_of_the_site(self, local, client, settings):
        local.put("p1/doc", PDF, "application/pdf")
        url = local.download_url("p1/doc", filename="x")
        settings.LINK_SIGNING_KEY = "another-key-another-key-another-key"
        assert client.get(url).status_code == 403

    def test_of_a_download_do_not_upload_and_the_other_way_round(self, local, client):
        local.put("p1/doc", PDF, "application/pdf")
        assert client.post(local.download_url("p1/doc", filename="x"), {}).status_code == 403
        upload = local.presign_upload("p1/doc", content_type="image/png", max_size=9)
        assert client.get(upload["url"]).status_code == 403
        assert local.read("p1/doc") == PDF

    def test_answer_404_when_the_file_is_gone(self, local, client):
        answer = client.get(local.download_url("p1/none", filename="x"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "FILE_MISSING")

    def test_download_with_headers_that_keep_a_browser_from_running_it(self, local, client):
        local.put("p1/page", b"<script>alert(1)</script>", "text/html")
        answer = client.get(local.download_url("p1/page", filename="x.html"))
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert answer.headers["Cache-Control"] == "private, no-store"

    def test_answer_head_without_a_body(self, local, client):
        local.put("p1/doc", PDF, "application/pdf")
        answer = client.head(local.download_url("p1/doc", filename="x"))
        assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(len(PDF)))

    @pytest.mark.parametrize("method", ["put", "delete", "patch", "options"])
    def test_know_no_other_method(self, local, client, method):
        answer = getattr(client, method)(local.download_url("p1/doc", filename="x"))
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, POST")


class TestLocalUploads:
    @pytest.fixture
    def upload(self, local):
        return local.presign_upload("p1/up", content_type="image/png", max_size=100)

    def post(self, upload, data, **fields):
        fields = {**upload["fields"], **fields}
        return Client(enforce_csrf_checks=True).post(upload["url"], {**fields, "file": io.BytesIO(data)})

    def test_refuse_one_byte_too_many(self, local, upload):
        assert self.post(upload, b"x" * 101).status_code == 413
        assert not local.exists("p1/up")
        assert self.post(upload, b"x" * 100).status_code == 204

    def test_refuse_an_enormous_body_before_reading_it(self, upload):
        answer = Client().generic(
            "POST",
            upload["url"],
            b"",
            content_type="multipart/form-data; boundary=x",
            CONTENT_LENGTH=str(10**10),
        )
        assert answer.status_code == 413

    def test_refuse_another_type(self, local, upload):
        assert self.post(upload, b"x", **{"Content-Type": "text/html"}).status_code == 403
        assert not local.exists("p1/up")

    def test_refuse_another_key(self, local, upload):
        assert self.post(upload, b"x", key="p1/other").status_code == 403
        assert not local.exists("p1/other")

    def test_refuse_an_empty_file_and_a_form_without_one(self, upload):
        assert self.post(upload, b"").status_code == 400
        assert Client().post(upload["url"], upload["fields"]).status_code == 400

    def test_refuse_a_broken_form(self, upload):
        answer = Client().generic(
            "POST", upload["url"], b"--x\r\n", content_type="multipart/form-data; boundary="
        )
        assert answer.status_code == 400

    def test_refuse_after_their_time(self, local):
        upload = local.presign_upload("p1/up", content_type="image/png", max_size=100, expires=-1)
        assert self.post(upload, b"x").status_code == 403

    @pytest.mark.parametrize("content_type", ["", "png", "image/png; x", "image/png\r\nX: y", "IMAGE/PNG"])
    def test_are_not_made_for_what_is_no_type(self, local, content_type):
        with pytest.raises(ValueError):
            local.presign_upload("p1/up", content_type=content_type, max_size=100)


class TestLocalStore:
    def test_leaves_the_old_file_when_writing_fails(self, local):
        local.put("p1/doc", PDF, "application/pdf")

        class Torn(io.BytesIO):
            def read(self, *args):
                if self.tell():
                    raise ConnectionResetError
                return super().read(10)

        with pytest.raises(StorageDown):
            local.put("p1/doc", Torn(b"x" * 100), "application/pdf")
        assert local.read("p1/doc") == PDF
        assert [path.name for path in (local.root / "objects" / "p1").iterdir()] == ["doc"]

    def test_keeps_its_folder_to_itself(self, local):
        local.put("p1/doc", PDF, "application/pdf")
        assert (local.root / "objects/p1/doc").stat().st_mode & 0o077 == 0

    def test_says_that_it_is_down(self, settings, tmp_path):
        (tmp_path / "file").write_text("in the way")
        broken = LocalStore(tmp_path / "file")
        with pytest.raises(StorageDown):
            broken.check()
        with pytest.raises(StorageDown):
            broken.put("a", b"x", "text/plain")

    def test_treats_a_folder_as_no_file(self, local):
        local.put("p1/doc", PDF, "application/pdf")
        with pytest.raises(FileMissing):
            local.read("p1")


class TestBucket:
    def test_fixes_key_type_and_size_in_the_upload_policy(self, bucket):
        upload = bucket.presign_upload("p1/up", content_type="image/png", max_size=100)
        assert upload["url"].endswith("/private")
        assert (upload["fields"]["key"], upload["fields"]["Content-Type"]) == ("p1/up", "image/png")
        # The protocol server does not enforce policies; what a bucket would enforce is what was signed.
        conditions = json.loads(base64.b64decode(upload["fields"]["policy"]))["conditions"]
        assert ["content-length-range", 1, 100] in conditions
        assert {"key": "p1/up"} in conditions
        assert {"Content-Type": "image/png"} in conditions

    def test_signs_with_version_four(self, bucket):
        url = bucket.download_url("p1/doc", filename="x", expires=60)
        assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url
        assert "X-Amz-Expires=60" in url

    def test_says_that_it_is_down(self, bucket, settings):
        settings.S3_ENDPOINT_URL = "http://127.0.0.1:9"
        down = private_store()
        for act in (down.check, lambda: down.read("a"), lambda: down.put("a", b"x", "text/plain")):
            with pytest.raises(StorageDown):
                act()

    def test_says_that_there_is_no_bucket(self, bucket, settings):
        settings.S3_BUCKET = "nowhere"
        with pytest.raises(StorageDown):
            private_store().check()


class TestAttachment:
    @pytest.mark.parametrize(
        ("filename", "header"),
        [
            ("a.pdf", "attachment; filename=\"a.pdf\"; filename*=UTF-8''a.pdf"),
            (
                "../a\r\nX: y.pdf",
                "attachment; filename=\".._a__X_ y.pdf\"; filename*=UTF-8''.._a__X%3A%20y.pdf",
            ),
            ("", "attachment; filename=\"file\"; filename*=UTF-8''file"),
        ],
    )
    def test_holds_any_name(self, filename, header):
        assert storage.attachment(filename) == header
