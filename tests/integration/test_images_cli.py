# SPDX-License-Identifier: Apache-2.0
"""The verbs about images and registries, as a user types them."""

import base64
import crypt
import gzip
import hashlib
import json
import lzma
import os
import re
import shutil
import stat
import subprocess
import tarfile

import pytest

import world
from image_archives import entry, link, tar, xattrs
from odd_layers import gnu_tar
from test_image_crash import killed_at

GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
ID = r"sha256:[0-9a-f]{64}"


def small_image(text=b"hello\n", **config):
    return world.Image([world.tar_bytes([("etc/motd", text)])], **config)


@pytest.fixture
def tiny(moor, tmp_path):
    """A store with the small image tiny:2; its ID."""
    image = small_image(Labels={"team": "a"})
    moor.docker("load", "-i", image.save(tmp_path / "tiny.tar", "tiny:2"))
    return image.id


def lines(process):
    return process.stdout.splitlines()


# --- load and save ---

def test_load_names_what_it_loaded(moor, tmp_path):
    archive = small_image().save(tmp_path / "a.tar", "tiny:2", "127.0.0.1:5000/team/x:v1")
    loaded = moor.docker("load", "-i", archive)
    assert (loaded.stdout, loaded.stderr) == (
        "Loaded image: tiny:2\nLoaded image: 127.0.0.1:5000/team/x:v1\n", "")
    assert moor.docker("load", "-q", "-i", archive).stdout == loaded.stdout


def test_load_from_stdin_and_gzip(moor, tmp_path):
    archive = small_image().save(tmp_path / "a.tar", "tiny:2")
    with gzip.open(archive + ".gz", "wb") as packed, open(archive, "rb") as plain:
        packed.write(plain.read())
    for name in (archive, archive + ".gz"):
        with open(name) as file:
            loaded = moor.docker("load", input=None, stdin=file)
        assert loaded.stdout == "Loaded image: tiny:2\n"


def test_load_without_a_name(moor, tmp_path):
    image = small_image()
    loaded = moor.docker("load", "-i", image.save(tmp_path / "a.tar"))
    assert loaded.stdout == f"Loaded image ID: {image.id}\n"
    assert lines(moor.docker("images"))[1].split()[:2] == ["<none>", "<none>"]


def test_load_takes_a_name_away(moor, tiny, tmp_path):
    loaded = moor.docker("load", "-i", small_image(b"other").save(tmp_path / "b.tar", "tiny:2"))
    assert loaded.stdout == (
        f"The image tiny:2 already exists, renaming the old one with ID {tiny} to empty string\n"
        "Loaded image: tiny:2\n")


@pytest.mark.parametrize("name,content,text", [
    ("missing.tar", None, "open {path}: no such file or directory\n"),
    ("garbage.tar", b"x" * 4000, "Error response from daemon: "),
    ("empty.tar", b"", "Error response from daemon: "),
])
def test_load_of_nonsense(moor, tmp_path, name, content, text):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    failed = moor.docker("load", "-i", path, code=1)
    assert failed.stderr.startswith(text.format(path=path))
    assert failed.stderr.count("\n") == 1 and not failed.stdout
    assert not moor.docker("images", "-q").stdout


def test_load_and_save_refuse_a_terminal(moor, tiny):
    leader, terminal = os.openpty()
    try:
        failed = moor.docker("load", code=1, input=None, stdin=terminal)
        assert failed.stderr == "requested load from stdin, but stdin is empty\n"
        failed = moor.docker("save", "tiny:2", code=1, capture_output=False, stdout=terminal,
                             stderr=-1)
        assert failed.stderr == ("cowardly refusing to save to a terminal. Use the -o flag or "
                                 "redirect\n")
    finally:
        os.close(leader)
        os.close(terminal)


def test_save_and_load_again(moor, tiny, tmp_path):
    path = tmp_path / "out.tar"
    moor.docker("save", "-o", path, "tiny:2")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with tarfile.open(path) as archive:
        manifest = json.load(archive.extractfile("manifest.json"))
    assert [entry["RepoTags"] for entry in manifest] == [["tiny:2"]]
    moor.docker("rmi", "tiny:2")
    assert moor.docker("load", "-i", path).stdout == "Loaded image: tiny:2\n"
    assert moor.docker("images", "-q", "--no-trunc", "tiny:2").stdout == tiny + "\n"


def test_save_to_stdout(moor, tiny):
    saved = moor.docker("save", "tiny:2", text=False, input=b"")
    assert b"manifest.json" in saved.stdout


def test_save_that_fails_leaves_no_file(moor, tiny, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    failed = moor.docker("save", "-o", place / "out.tar", "nosuch", code=1)
    assert failed.stderr == "Error response from daemon: No such image: nosuch:latest\n"
    assert os.listdir(place) == []
    (place / "old").write_text("old\n")
    for path, why in [(place / "no" / "out.tar", f"invalid output path: stat {place}/no: no such file or directory"),
                      (place / "old" / "x", f"invalid output path: stat {place}/old: not a directory"),
                      (place, "cannot write to a directory"), ("/dev/null", "cannot write to a character device file")]:
        assert moor.docker("save", "-o", path, "nosuch", code=1).stderr == f"failed to save image: {why}\n"
        assert moor.docker("export", "-o", path, "nosuch", code=1).stderr == f"failed to export container: {why}\n"
    moor.docker("export", "-o", place / "old", "nosuch", code=1)
    assert (place / "old").read_text() == "old\n"


# --- images ---

def test_images_table(moor, tiny):
    header, row = lines(moor.docker("images", "tiny"))
    assert re.fullmatch(r"REPOSITORY   TAG       IMAGE ID       CREATED +SIZE", header)
    assert re.fullmatch(rf"tiny         2         {tiny[7:19]}   .* ago +\d[0-9.]*k?B", row)


def test_images_quiet(moor, tiny):
    assert moor.docker("images", "-q", "tiny:2").stdout == tiny[7:19] + "\n"
    for name in ("docker.io/library/tiny:2", "docker.io/tiny:2", "index.docker.io/library/tiny:2",
                 "tiny", "t*y"):
        assert moor.docker("images", "-q", name).stdout == tiny[7:19] + "\n", name
    for name in ("tiny:3", "nosuch:1", "team/tiny", "127.0.0.1:5000/tiny:2", "BAD"):
        absent = moor.docker("images", "-q", name)
        assert (absent.stdout, absent.stderr) == ("", ""), name


def test_images_formats(moor, tiny):
    def formatted(form):
        return moor.docker("images", "--format", form, "tiny").stdout

    assert formatted("{{.Repository}}:{{.Tag}}") == "tiny:2\n"
    assert formatted(r"table {{.Tag}}\t{{.Repository}}") == "TAG       REPOSITORY\n2         tiny\n"
    assert json.loads(formatted("json"))["ID"] == tiny[7:19]
    for form, shown in (("table {{.Tag}}", "TAG       DIGEST\n2         <none>\n"), ("{{.Tag}}", "2\n"),
                        ("table {{.Digest}}", "DIGEST\n<none>\n")):
        assert moor.docker("images", "--digests", "--format", form, "tiny").stdout == shown
    assert "\ntag: 2\ndigest: <none>\nimage_id: " in moor.docker("images", "--digests", "--format", "raw", "tiny").stdout
    failed = moor.docker("images", "--format", "{{.Nope}}", code=1)
    assert failed.stderr.startswith("template parsing error: ") and "Nope" in failed.stderr


def test_images_filters(moor, tiny, tmp_path):
    newer = small_image(b"newer")
    newer.config = newer.config.replace(b"2024-01-01", b"2025-01-01")
    newer.id = world.sha256(newer.config)
    moor.docker("load", "-i", newer.save(tmp_path / "n.tar", "newer:1"))
    moor.docker("load", "-i", small_image(b"none").save(tmp_path / "d.tar"))

    def found(*filters):
        arguments = [word for text in filters for word in ("-f", text)]
        return lines(moor.docker("images", "--format", "{{.Repository}}", *arguments))

    assert found() == ["newer", "tiny", "<none>"] or found() == ["newer", "<none>", "tiny"]
    assert found("dangling=true") == ["<none>"]
    assert found("dangling=false") == ["newer", "tiny"]
    assert found("label=team") == found("label=team=a") == ["tiny"]
    assert found("label=team=b") == []
    assert found("reference=t*") == ["tiny"]
    assert found("reference=t*", "reference=newer:1") == ["newer", "tiny"]
    assert found("since=tiny:2") == ["newer"]
    assert found("before=newer:1", "label=team") == ["tiny"]
    assert "invalid filter 'bogus'" in moor.docker("images", "-f", "bogus=1", code=1).stderr
    assert "No such image: x" in moor.docker("images", "-f", "since=x", code=1).stderr
    moor.docker("images", "-f", "dangling", code=125)
    assert found("until=2000-01-01") == [] and "tiny" in found("until=1s")
    for pattern in ("[", "a[", "[^", "[]t]iny", "[-a]", "[a\\", "a\\"):
        for words in (["-f", f"reference={pattern}"], [pattern]):
            assert moor.docker("images", *words, code=1).stderr == "Error response from daemon: syntax error in pattern\n"
    assert found("reference=[s-u]iny") == found("reference=\\tiny") == ["tiny"]


def test_wrong_arguments(moor):
    assert moor.docker("images", "a", "b", code=1).stderr == (
        "docker: 'docker images' requires at most 1 argument\n\n"
        "Usage:  docker images [OPTIONS] [REPOSITORY[:TAG]]\n\n"
        "See 'docker images --help' for more information\n")
    assert "requires at least 1 argument" in moor.docker("rmi", code=1).stderr
    assert "requires 2 arguments" in moor.docker("tag", "a", code=1).stderr
    assert "accepts no arguments" in moor.docker("load", "x", code=1).stderr
    assert moor.docker("pull", "--bogus", "x", code=125).stderr.startswith("unknown flag: --bogus\n")
    assert moor.docker("images", "--help").stdout.startswith("Usage:  docker images [OPTIONS]")


def test_image_inspect(moor, tiny):
    described, = json.loads(moor.docker("image", "inspect", "tiny:2").stdout)
    assert described["Id"] == tiny and described["RepoTags"] == ["tiny:2"]
    assert described["Config"]["Labels"] == {"team": "a"}
    assert len(described["RootFS"]["Layers"]) == 1
    assert moor.docker("image", "inspect", "-f", "{{.Id}} {{.Os}}", "tiny:2").stdout == \
        f"{tiny} linux\n"
    assert described["Metadata"] == {"LastTagTime": "0001-01-01T00:00:00Z"} and described["Container"] == ""
    assert described["ContainerConfig"]["Cmd"] is None and described["ContainerConfig"]["Labels"] is None
    assert list(described["ContainerConfig"]) == list(described["Config"])  # no members are left out: all are there
    assert json.loads(moor.docker("images", "--format", "{{json .Digest}}").stdout) == "<none>"
    assert '"Digest":"\\u003cnone\\u003e"' in moor.docker("images", "--format", "json").stdout
    failed = moor.docker("image", "inspect", "nosuch", code=1)
    assert failed.stdout == "[]\n" and "No such image: nosuch:latest" in failed.stderr


# --- tag and rmi ---

def test_tag_and_untag(moor, tiny):
    silent = moor.docker("tag", "tiny:2", "foo")
    assert (silent.stdout, silent.stderr) == ("", "")
    assert moor.docker("images", "foo", "--format", "{{.Tag}}").stdout == "latest\n"
    assert moor.docker("rmi", "foo").stdout == "Untagged: foo:latest\n"
    assert moor.docker("images", "-q", "tiny:2").stdout
    assert "No such image: nosuch" in moor.docker("tag", "nosuch", "x:1", code=1).stderr
    assert "Error response from daemon: refusing to create an ambiguous tag" in moor.docker("tag", "tiny:2", "sha256:x", code=1).stderr
    failed = moor.docker("tag", "tiny:2", "BAD", code=1)
    assert failed.stderr.startswith('Error parsing reference: "BAD" is not a valid repository/tag')
    moor.docker("tag", "tiny:2", f"x@{tiny}", code=1)


def test_rmi_removes_the_image_with_its_last_name(moor, tiny):
    removed = lines(moor.docker("rmi", "tiny:2"))
    assert removed[:2] == ["Untagged: tiny:2", f"Deleted: {tiny}"]
    assert len(removed) == 3 and re.fullmatch("Deleted: " + ID, removed[2])
    assert os.listdir(os.path.join(moor.root, "layers")) == []


def test_rmi_of_what_is_not_there(moor, tiny):
    failed = moor.docker("rmi", "nosuch", "tiny:2", "nosuch2", code=1)
    assert failed.stderr == ("Error response from daemon: No such image: nosuch:latest\n"
                             "Error response from daemon: No such image: nosuch2:latest\n")
    assert lines(failed)[0] == "Untagged: tiny:2"
    assert "No such image" in moor.docker("rmi", "-f", "nosuch").stderr
    for blank in ("", " "):
        assert moor.docker("rmi", blank, code=1).stderr == "Error response from daemon: image name cannot be blank\n"


def test_rmi_by_id_needs_force_for_two_repositories(moor, tiny):
    moor.docker("tag", "tiny:2", "other:1")
    failed = moor.docker("rmi", tiny[7:19], code=1)
    assert "must be forced) - image is referenced in multiple repositories" in failed.stderr
    removed = lines(moor.docker("rmi", "-f", tiny[7:19]))
    assert {"Untagged: tiny:2", "Untagged: other:1", f"Deleted: {tiny}"} <= set(removed)


def test_an_image_stays_while_nobody_can_tell_who_uses_it(moor, tiny):
    moor.docker("create", "--name", "one", "--network", "none", "tiny:2", "true")
    container = moor.docker("inspect", "-f", "{{.Id}}", "one").stdout.strip()
    path = f"{moor.root}/containers/{container}/options.json"
    with open(path) as file:
        record = file.read()
    with open(path, "w") as file:
        file.write("{")
    why = f"see whether container {container[:12]} uses image {tiny[7:19]}: "
    for refused in (("rmi", "tiny:2"), ("rmi", "-f", "tiny:2"), ("rmi", "-f", tiny[7:19]), ("image", "prune", "-a", "-f")):
        told = moor.docker(*refused, code=1).stderr
        assert why in told and f"docker rm -f {container[:12]}" in told and told.count("\n") == 1
    usage = moor.docker("system", "df", "--format", "{{.Type}}|{{.Active}}|{{.Reclaimable}}").stdout.splitlines()
    assert usage[0] == "Images|1|0B (0%)"
    assert f"docker rm -f {container[:12]}" in moor.docker("system", "df", "-v").stderr
    moor.docker("tag", "tiny:2", "other:1")
    assert moor.docker("rmi", "other:1").stdout == "Untagged: other:1\n"  # it has another name
    with open(path, "w") as file:
        file.write(record)
    assert "is using its referenced image" in moor.docker("rmi", "tiny:2", code=1).stderr
    moor.docker("rm", "one")
    moor.docker("rmi", "tiny:2")


def test_image_prune(moor, tiny, tmp_path):
    moor.docker("load", "-i", small_image(b"none").save(tmp_path / "d.tar"))
    asked = moor.docker("image", "prune", input="n\n")
    assert asked.stdout == ("WARNING! This will remove all dangling images.\n"
                            "Are you sure you want to continue? [y/N] ")
    assert len(lines(moor.docker("images", "-q"))) == 2
    pruned = lines(moor.docker("image", "prune", "-f"))
    assert pruned[0] == "Deleted Images:" and pruned[-1].startswith("Total reclaimed space: ")
    assert lines(moor.docker("images", "-q")) == [tiny[7:19]]
    kept = moor.docker("image", "prune", "-a", "-f", "--filter", "label=team=b")
    assert kept.stdout == "Total reclaimed space: 0B\n"
    kept = moor.docker("image", "prune", "-a", "-f", "--filter", "until=2023-12-31")
    assert kept.stdout == "Total reclaimed space: 0B\n"
    assert "bogus" in moor.docker("image", "prune", "-f", "--filter", "until=bogus", code=1).stderr
    unfinished = os.path.join(moor.root, "staging", "load-1", "diff")
    os.makedirs(unfinished)
    for name in "ab":
        with open(os.path.join(unfinished, name), "wb") as file:
            file.write(bytes(2500))
    assert moor.docker("image", "prune", "-f").stdout == "Total reclaimed space: 5kB\n"
    assert os.listdir(os.path.join(moor.root, "staging")) == []
    assert f"deleted: {tiny}" in lines(moor.docker("image", "prune", "-a", "--filter", "until=1h",
                                                   input="y\n"))


# --- pull ---

@pytest.fixture
def pushed(registry):
    """The address of a two-layer image, its manifest's digest and its ID."""
    image = world.Image([world.tar_bytes([("etc/a", b"a" * 5000)]),
                         world.tar_bytes([("etc/b", b"b" * 5000)])])
    digest = registry.push(image, "team/x", "1", gzip.compress, GZIP)
    return f"{registry.address}/team/x", digest, image.id


def test_pull_tells_every_step(moor, pushed):
    name, digest, image_id = pushed
    pulled = moor.docker("pull", name + ":1")
    told = lines(pulled)
    assert pulled.stderr == "" and told[0] == "1: Pulling from team/x"
    assert told[-3:] == [f"Digest: {digest}", f"Status: Downloaded newer image for {name}:1",
                         name + ":1"]
    for words in ("Pulling fs layer", "Download complete", "Pull complete"):
        assert len([line for line in told if re.fullmatch(f"[0-9a-f]{{12}}: {words}", line)]) == 2
    assert len(told) == 10
    assert moor.docker("images", "-q", "--no-trunc", name).stdout == image_id + "\n"


def test_pull_again(moor, pushed):
    name, digest, _ = pushed
    moor.docker("pull", "-q", name + ":1")
    assert lines(moor.docker("pull", name + ":1")) == [
        "1: Pulling from team/x", f"Digest: {digest}",
        f"Status: Image is up to date for {name}:1", name + ":1"]


def test_pull_of_one_manifest_for_another_platform(moor, pushed):
    """It is pulled, with a warning: there is nothing to choose from."""
    name = pushed[0] + ":1"
    here = "linux/" + json.loads(small_image().config)["architecture"]
    warning = f"image with reference {name} was found but its platform ({here}) does not match the specified platform (linux/s390x)"
    assert lines(moor.docker("pull", "--platform", "linux/s390x", name))[-2:] == ["WARNING: " + warning, name]
    assert lines(moor.docker("pull", "-q", "--platform", "linux/s390x", name)) == [name]
    assert "WARNING" not in moor.docker("pull", "--platform", here, name).stdout
    assert warning in moor.docker("run", "--platform", "linux/s390x", name, "true", code=125).stderr


def test_what_an_index_leaves_goes_with_the_image(moor, pushed, registry):
    """It is kept, so that one HEAD can tell that nothing has changed."""
    name, digest, image_id = pushed
    manifest = registry.request("GET", f"/v2/team/x/manifests/{digest}", Accept=MANIFEST).read()
    machine = json.loads(small_image().config)["architecture"]
    index = json.dumps({"schemaVersion": 2, "manifests": [
        {"mediaType": MANIFEST, "digest": digest, "size": len(manifest),
         "platform": {"os": "linux", "architecture": machine}}]}).encode()
    registry.request("PUT", "/v2/team/x/manifests/multi", index, Content_Type=INDEX)
    moor.docker("pull", "-q", name + ":multi")
    blobs = os.path.join(moor.root, "blobs", "sha256")
    kept = {world.sha256(index)[7:], digest[7:], image_id[7:]}
    assert set(os.listdir(blobs)) == kept
    moor.docker("image", "prune", "-f")
    assert set(os.listdir(blobs)) == kept
    moor.docker("rmi", name + ":multi")
    assert os.listdir(blobs) == []


def test_pull_quietly_by_digest_and_default_tag(moor, pushed, registry):
    name, digest, image_id = pushed
    assert moor.docker("pull", "-q", f"{name}@{digest}").stdout == f"{name}@{digest}\n"
    assert moor.docker("images", "-q", "--no-trunc", f"{name}@{digest}").stdout == image_id + "\n"
    assert lines(moor.docker("images", name))[1].split()[:2] == [name, "<none>"]
    told = lines(moor.docker("pull", f"{name}:any@{digest}"))  # the digest decides
    assert told[-2:] == [f"Status: Image is up to date for {name}@{digest}", f"{name}:any@{digest}"]
    registry.push(small_image(), "team/y")
    told = lines(moor.docker("pull", f"{registry.address}/team/y"))
    assert told[:2] == ["Using default tag: latest", "latest: Pulling from team/y"]
    assert told[-1] == f"{registry.address}/team/y:latest"


def test_pull_shows_shared_layers_as_there(moor, registry):
    shared = world.tar_bytes([("etc/shared", b"s")])
    for number in ("1", "2"):
        image = world.Image([shared, world.tar_bytes([("etc/n", number.encode())])])
        registry.push(image, "team/shared", number, gzip.compress, GZIP)
    moor.docker("pull", "-q", f"{registry.address}/team/shared:1")
    told = lines(moor.docker("pull", f"{registry.address}/team/shared:2"))
    assert len([line for line in told if line.endswith(": Already exists")]) == 1
    assert len([line for line in told if line.endswith(": Pull complete")]) == 1


def test_pull_on_a_terminal_draws_in_place(moor, pushed):
    leader, terminal = os.openpty()
    try:
        moor.docker("pull", pushed[0] + ":1", capture_output=False, stdout=terminal)
        drawn = os.read(leader, 1 << 20).decode()
    finally:
        os.close(leader)
        os.close(terminal)
    assert re.search(r"\x1b\[\dA\r\x1b\[K[0-9a-f]{12}: Pull complete\x1b\[\dB", drawn)


@pytest.mark.parametrize("name,text", [
    ("{address}/team/x:nosuch", "manifest unknown"),
    ("{address}/no/such:1", "{address}/no/such"),
    ("127.0.0.1:{port}/x:1", "dial tcp 127.0.0.1:{port}: connect: connection refused"),
    ("registry.invalid/x:1", "dial tcp: lookup registry.invalid"),
])
def test_pull_that_fails(moor, pushed, registry, name, text):
    values = {"address": registry.address, "port": world.free_port()}
    failed = moor.docker("pull", "-q", name.format(**values), code=1)
    assert failed.stderr.startswith("Error response from daemon: ")
    assert text.format(**values) in failed.stderr
    assert failed.stderr.count("\n") == 1 and not failed.stdout
    assert not moor.docker("images", "-q").stdout
    joined = moor.docker("pull", name.format(**values).rsplit(":", 1)[0], code=1, capture_output=False,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert joined.stdout.startswith("Using default tag: latest\nError response from daemon: ")


@pytest.mark.parametrize("servers, where", [("192.0.2.53", "192.0.2.53:53"), ("2001:db8::53 192.0.2.1", "[2001:db8::53]:53"), ("", None)])
def test_pull_without_a_network(moor, tmp_path, servers, where):
    """Where no way leads to any server of names, that is said in docker's words, and not that there is no such name."""
    conf = tmp_path / "resolv.conf"
    conf.write_text("# none\n" + "".join(f"nameserver\t{server}\n" for server in servers.split()))
    failed = moor.run("unshare", "-mn", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$1" pull -q alpine', conf,
                      os.path.join(moor.names, "docker"), code=1).stderr
    assert failed == ('Error response from daemon: Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io'
                      + (f" on {where}: dial udp {where}: connect: network is unreachable\n" if where else ": no such host\n"))


@pytest.mark.parametrize("download, text", [
    ({"stall-timeout": 0}, "stall_seconds"), ({"connect-timeout": 3601}, "connect_seconds"), ({"metered": "yes"}, "metered"),
    ({"bytes-per-second": "fast"}, "download.bytes-per-second"), ({"bytes-per-second": -1}, "bytes_per_second"),
    ({"bytes-per-second": "8m", "connect-timeout": 5, "stall-timeout": 5, "metered": True}, None)])
def test_download_settings(moor, pushed, download, text):
    with open(os.path.join(moor.config, "daemon.json"), "w") as file:
        json.dump({"download": download}, file)
    told = moor.docker("pull", "-q", pushed[0] + ":1", code=1 if text else 0)
    assert not text or text in told.stderr


def test_pull_of_a_bad_name(moor):
    failed = moor.docker("pull", "BAD", code=1)
    assert moor.docker("pull", "scratch", code=1).stderr == "Error response from daemon: 'scratch' is a reserved name\n"
    assert "invalid reference format" in failed.stderr and not failed.stdout


# --- login ---

@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A registry that lets only user in, by pass:word."""
    directory = tmp_path_factory.mktemp("guarded")
    salt = crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=1 << 4)
    (directory / "htpasswd").write_text(f"user:{crypt.crypt('pass:word', salt)}\n")
    auth = f"auth: {{htpasswd: {{realm: test, path: {directory}/htpasswd}}}}\n"
    with world.docker_registry(str(directory), auth) as registry:
        yield registry.address


def config_of(moor):
    with open(os.path.join(moor.env["DOCKER_CONFIG"], "config.json")) as file:
        return json.load(file)


def test_login_pull_logout(moor, guarded):
    own = os.path.join(moor.env["DOCKER_CONFIG"], "config.json")
    os.makedirs(moor.env["DOCKER_CONFIG"])
    with open(own, "w"):
        pass  # empty, as a power cut leaves it: it says nothing
    assert "connection refused" in moor.docker("login", f"127.0.0.1:{world.free_port()}", "-u", "a", "-p", "b", code=1).stderr
    os.unlink(own)
    os.symlink("kept.json", own)  # leads to what is not there yet
    refused = moor.docker("pull", "-q", f"{guarded}/x", code=1)
    assert "no basic auth credentials" in refused.stderr
    done = moor.docker("login", f"http://{guarded}/v2/", "--username", "user", "--password-stdin",
                       input="pass:word\n")
    assert done.stdout == "Login Succeeded\n"
    assert "stored unencrypted in" in done.stderr
    assert config_of(moor) == {"auths": {guarded: {
        "auth": base64.b64encode(b"user:pass:word").decode()}}}
    assert os.readlink(own) == "kept.json"
    unread = moor.docker("pull", "-q", f"{guarded}/x", code=1, env={"DOCKER_AUTH_CONFIG": "{"}).stderr
    assert unread.startswith("WARNING: DOCKER_AUTH_CONFIG: not valid JSON") and "no basic auth" not in unread
    missing = moor.docker("pull", "-q", f"{guarded}/x", code=1)
    assert "not found" in missing.stderr or "manifest unknown" in missing.stderr
    again = moor.docker("login", guarded)
    assert again.stdout == ("Authenticating with existing credentials... [Username: user]\n"
                            "To login with a different account, run 'docker logout' followed by 'docker login'\n\n"
                            "Login Succeeded\n")
    out = moor.docker("logout", guarded)
    assert (out.stdout, out.stderr) == (f"Removing login credentials for {guarded}\n", "")
    assert config_of(moor) == {"auths": {}}
    assert "no basic auth credentials" in moor.docker("pull", "-q", f"{guarded}/x", code=1).stderr


def test_a_killed_logout_leaves_the_old_file_or_the_new_one(moor):
    """Killed before each step that changes the user's directory: nothing lies beside the file once the next one was there."""
    os.makedirs(moor.env["DOCKER_CONFIG"])
    all_of_them = {"auths": {"one.example": {"auth": "eDp5"}, "two.example": {"auth": "eDp5"}}}
    killed = 0
    for call in ("openat", "write", "fchmod", "fsync", "linkat", "rename,renameat"):
        for number in range(1, 30):
            with open(os.path.join(moor.env["DOCKER_CONFIG"], "config.json"), "w") as file:
                json.dump(all_of_them, file)
            cut = moor.run(*killed_at(call, number), os.path.join(moor.names, "docker"), "logout", "one.example", code=None)
            assert config_of(moor) in ([all_of_them, {"auths": {"two.example": {"auth": "eDp5"}}}])
            if cut.returncode == 0:
                break
            killed += 1
            moor.docker("logout", "two.example")
            assert os.listdir(moor.env["DOCKER_CONFIG"]) == ["config.json"]
    assert killed > 5


def test_a_killed_save_leaves_nothing_beside(moor, busybox, tmp_path):
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "image.tar"
    for call, number in (("write", 1), ("fchmod", 1), ("linkat", 1), ("linkat", 2), ("rename,renameat", 1)):
        path.write_text("old")
        cut = moor.run(*killed_at(call, number), os.path.join(moor.names, "docker"), "save", "-o", path, busybox, code=None)
        assert cut.returncode in (0, -9) and (path.read_bytes() == b"old" or tarfile.is_tarfile(path))
        moor.docker("save", "-o", path, busybox)
        assert os.listdir(tmp_path / "out") == ["image.tar"] and tarfile.is_tarfile(path)


def test_login_at_a_terminal_does_not_echo_the_password(moor, guarded):
    """Where a login is kept that is no longer good it is said so, and its name is what is proposed."""
    os.makedirs(moor.env["DOCKER_CONFIG"])
    with open(os.path.join(moor.env["DOCKER_CONFIG"], "config.json"), "w") as file:
        json.dump({"auths": {guarded: {"auth": base64.b64encode(b"user:wrong").decode()}}}, file)
    refused = moor.docker("login", guarded, code=1).stderr
    assert refused.startswith("Login did not succeed, error: Error response from daemon: login attempt to ")
    assert refused.endswith("\nError: Cannot perform an interactive login from a non TTY device\n")
    leader, terminal = os.openpty()
    try:
        process = moor.start("docker", "login", guarded, stdin=terminal)
        told = ""
        for prompt, answer in (("Username (user): ", ""), ("Password: ", "pass:word")):
            while not told.endswith(prompt):
                told += process.stdout.read(1)
            told += "\n"
            os.write(leader, answer.encode() + b"\n")
        rest, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
        assert (told + rest).endswith("'docker login'\n\nUsername (user): \nPassword: \n\nLogin Succeeded\n")
        assert b"pass" not in os.read(leader, 4096)
    finally:
        os.close(leader)
        os.close(terminal)
    assert list(config_of(moor)["auths"]) == [guarded]
    moor.docker("logout", guarded)


def test_login_beside_other_spellings(moor, guarded, tmp_path):
    """Another spelling of the registry is left alone by login, and forgotten by logout: by the helper, too."""
    (tmp_path / "bin").mkdir()
    helper = tmp_path / "bin" / "docker-credential-shell"
    helper.write_text(f"#!/bin/sh\necho $1 $(cat) >>{tmp_path}/asked\n")
    helper.chmod(0o755)
    os.makedirs(moor.env["DOCKER_CONFIG"])
    with open(os.path.join(moor.env["DOCKER_CONFIG"], "config.json"), "w") as file:
        json.dump({"auths": {f"https://{guarded}": {}, "other": {}}, "credsStore": "shell"}, file)
    env = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    moor.docker("login", guarded, "-u", "user", "--password-stdin", input="pass:word", env=env)
    assert config_of(moor)["auths"] == {f"https://{guarded}": {}, "other": {}, guarded: {}}
    (tmp_path / "asked").write_text("")
    assert moor.docker("logout", guarded, env=env).stderr == ""
    assert config_of(moor)["auths"] == {"other": {}}
    assert (tmp_path / "asked").read_text() == f"erase {guarded}\nerase http://{guarded}\nerase https://{guarded}\n"


def test_login_with_a_wrong_password(moor, guarded):
    failed = moor.docker("login", guarded, "-u", "user", "-p", "wrong", code=1)
    assert failed.stderr.startswith("WARNING! Using --password via the CLI is insecure. Use "
                                    "--password-stdin.\nError response from daemon: login attempt "
                                    f"to http://{guarded}/v2/ failed with status: 401 Unauthorized")
    assert not failed.stdout
    assert not os.path.exists(moor.env["DOCKER_CONFIG"])


@pytest.mark.parametrize("arguments,text", [
    (["-u", "user"], "Error: Cannot perform an interactive login from a non TTY device\n"),
    (["-p", "x", "--password-stdin"],
     "conflicting options: cannot specify both --password and --password-stdin\n"),
    (["--password-stdin"], "the --password-stdin option requires --username to be set\n"),
    (["-u", "", "-p", "x"], "username is empty\n"), (["-u", "", "--password-stdin"], "username is empty\n"),
    (["-u", "user", "-p", ""], "password is empty\n"),
    (["-u", "user", "--password-stdin"], "the password on stdin is empty\n"),
])
def test_login_that_cannot_be(moor, arguments, text):
    assert moor.docker("login", "127.0.0.1:9", *arguments, code=1).stderr.endswith(text)


def test_login_and_registry_down(moor):
    address = f"127.0.0.1:{world.free_port()}"
    failed = moor.docker("login", address, "-u", "a", "--password-stdin", input="b", code=1)
    assert f"dial tcp {address}: connect: connection refused" in failed.stderr


def test_logout_from_nowhere(moor):
    out = moor.docker("logout", "127.0.0.1:9")
    assert out.stdout == "Removing login credentials for 127.0.0.1:9\n"
    assert not os.path.exists(moor.env["DOCKER_CONFIG"])
    os.makedirs(moor.env["DOCKER_CONFIG"])
    with open(os.path.join(moor.env["DOCKER_CONFIG"], "config.json"), "w") as file:
        file.write('{"credsStore": "not-there"}')
    out = moor.docker("logout", "127.0.0.1:9", env={"DOCKER_AUTH_CONFIG": "{}"})
    assert "DOCKER_AUTH_CONFIG is set and takes precedence" in out.stderr
    assert "WARNING: could not erase credentials:\n127.0.0.1:9: " in out.stderr and "docker-credential-not-there" in out.stderr


# --- history, platforms, directories ---

def test_history(moor, tmp_path):
    layers = [world.tar_bytes([("a", b"x" * 1500)]), world.tar_bytes([("b", b"")])]
    image = world.Image(layers)
    config = json.loads(image.config)
    config["history"] = [{"created": "2024-01-01T00:00:00Z", "created_by": "ADD\t" + "é" * 60},
                         {"created": "2024-01-02T00:00:00Z", "created_by": "ENV A=1", "empty_layer": True},
                         {"created": "2024-01-03T04:05:06.789Z", "created_by": "RUN b", "comment": "last"}]
    image.config = json.dumps(config).encode()
    image.id = world.sha256(image.config)
    moor.docker("load", "-i", image.save(tmp_path / "a.tar", "told:1"))
    shown = lines(moor.docker("history", "told:1"))
    assert shown[0].split() == ["IMAGE", "CREATED", "CREATED", "BY", "SIZE", "COMMENT"]
    assert re.fullmatch(image.id[7:19] + r"   [^ ].* ago +RUN b +0B +last", shown[1])
    assert re.fullmatch(r"<missing>      [^ ].* ago +ENV A=1 +0B +", shown[2])
    assert "ADD " + "é" * 40 + "…" in shown[3] and "1.5kB" in shown[3]
    assert moor.docker("image", "history", "-q", "--no-trunc", "told:1").stdout == f"{image.id}\n<missing>\n<missing>\n"
    raw = moor.docker("history", "--human=false", "--format", "{{.CreatedSince}} {{.Size}} {{.CreatedBy}}", "told:1")
    assert lines(raw)[0] == "2024-01-03T04:05:06Z 0 RUN b" and lines(raw)[2].startswith("2024-01-01T00:00:00Z 1500 ADD é")
    row = json.loads(lines(moor.docker("history", "--format", "json", "told:1"))[0])
    assert list(row) == ["Comment", "CreatedAt", "CreatedBy", "CreatedSince", "ID", "Size"]
    exact = lines(moor.docker("history", "-H=false", "told:1"))
    assert exact[0].split() == ["IMAGE", "CREATED", "AT", "CREATED", "BY", "SIZE", "COMMENT"]
    assert re.fullmatch(image.id[7:19] + r"   2024-01-03T04:05:06Z   RUN b +0 +last", exact[1])
    missing = moor.docker("history", "nothing", code=1)
    assert (missing.stdout, missing.stderr) == ("", "Error response from daemon: No such image: nothing:latest\n")


def test_load_and_save_for_a_platform(moor, tiny, tmp_path):
    here = json.loads(small_image().config)["architecture"]
    archive = str(tmp_path / "saved.tar")
    moor.docker("save", "--platform", f"linux/{here}", "-o", archive, "tiny:2")
    refused = moor.docker("save", "--platform", "linux/s390x", "-o", archive, "tiny:2", code=1)
    assert "was found but does not provide the specified platform (linux/s390x)" in refused.stderr
    moor.docker("load", "--platform", "linux/" + here, "-i", archive)
    refused = moor.docker("load", "--platform", "linux/s390x", "-i", archive, code=1)
    assert "does not provide the specified platform (linux/s390x)" in refused.stderr


def layout_of(here, *named):
    """The members of an OCI layout: (platform's architecture, layer, its name or None) each; and their documents by architecture."""
    blobs, entries, documents = {}, [], {}

    def add(media_type, data):
        blobs["blobs/sha256/" + world.sha256(data)[7:]] = data
        return {"mediaType": media_type, "digest": world.sha256(data), "size": len(data)}
    for architecture, layer, name in named:
        config = json.dumps({**json.loads(world.Image([layer]).config), "architecture": architecture}).encode()
        manifest = json.dumps({"schemaVersion": 2, "config": add("application/vnd.oci.image.config.v1+json", config),
                               "layers": [add(GZIP, gzip.compress(layer))]}).encode()
        entries.append({**add(MANIFEST, manifest), "platform": {"os": "linux", "architecture": architecture},
                        **({"annotations": {"io.containerd.image.name": name}} if name else {})})
        documents[architecture] = (world.sha256(config)[7:], world.sha256(gzip.compress(layer))[7:])
    return blobs, entries, documents, add


@pytest.mark.parametrize("form", ["side-by-side", "saved-elsewhere", "saved-in-part"])
def test_load_what_is_for_this_machine(moor, tmp_path, form):
    """One image for several platforms: as entries side by side, or with containerd's manifest.json, which describes the image
    for the writer's machine alone, or one whose layers are not there."""
    here = json.loads(small_image().config)["architecture"]
    layers = {here: world.tar_bytes([("here", b"1")]), "s390x": world.tar_bytes([("there", b"2")])}
    name = "docker.io/library/multi:1"
    blobs, entries, documents, add = layout_of(here, *((arch, layer, name if form == "side-by-side" else None)
                                                       for arch, layer in layers.items()))
    if form != "side-by-side":
        whole = add(INDEX, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode())
        entries = [{**whole, "annotations": {"io.containerd.image.name": name}}]
        config, layer = documents["s390x" if form == "saved-elsewhere" else here]
        blobs["manifest.json"] = json.dumps([{
            "Config": "blobs/sha256/" + config, "RepoTags": ["multi:1"],
            "Layers": ["blobs/sha256/" + (layer if form == "saved-elsewhere" else "0" * 64)]}]).encode()
    blobs["index.json"] = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()
    path = tmp_path / "multi.tar"
    path.write_bytes(tar(*(entry(member, data) for member, data in blobs.items())))
    for piped in (False, True):
        with open(path, "rb") as file, subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE) as cat:
            loaded = moor.docker("load", *(() if piped else ("-i", path)), input=None, stdin=cat.stdout)
        assert loaded.stdout == "Loaded image: multi:1\n"
        assert moor.docker("images", "-q", "--no-trunc", "multi:1").stdout == f"sha256:{documents[here][0]}\n"
        moor.docker("rmi", "multi:1")
    if form == "saved-elsewhere":
        moor.docker("load", "--platform", "linux/s390x", "-i", path)
        assert moor.docker("images", "-q", "--no-trunc", "multi:1").stdout == f"sha256:{documents['s390x'][0]}\n"


def test_load_passes_over_what_is_no_image(moor, tmp_path):
    """A signature and an attestation beside the image, each with a manifest of its own; alone they say why they cannot be loaded."""
    here = json.loads(small_image().config)["architecture"]
    blobs, entries, documents, add = layout_of(here, (here, world.tar_bytes([("here", b"1")]), "docker.io/library/signed:1"))
    signature = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/x", "subject": entries[0],
                            "config": add("application/vnd.oci.empty.v1+json", b"{}"), "layers": [add("application/x", b"s")]}).encode()
    attestation = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": add("application/vnd.oci.image.config.v1+json", b"{}"),
                              "layers": [add("application/vnd.in-toto+json", b"{}")]}).encode()
    others = [{**add(MANIFEST, signature), "annotations": {"org.opencontainers.image.ref.name": "sig"}},
              {**add(MANIFEST, attestation), "platform": {"os": "unknown", "architecture": "unknown"}}]
    path = tmp_path / "signed.tar"

    def load(listed, code=0):
        index = json.dumps({"schemaVersion": 2, "manifests": listed}).encode()
        path.write_bytes(tar(*(entry(member, data) for member, data in {**blobs, "index.json": index}.items())))
        return moor.docker("load", "-i", path, code=code)

    for listed in ([*others, *entries], [*entries, *others]):
        assert load(listed).stdout == "Loaded image: signed:1\n"
        assert moor.docker("images", "-aq", "--no-trunc").stdout == f"sha256:{documents[here][0]}\n"
    assert "this is an artifact" in load(others[:1], code=1).stderr


def test_an_image_is_for_one_platform(moor, tiny, registry):
    here = "linux/" + json.loads(small_image().config)["architecture"]
    name = f"{registry.address}/one/platform:1"
    moor.docker("tag", "tiny:2", name)
    for verb in (["history"], ["image", "inspect"], ["push"], ["rmi"], ["rmi", "--platform", here], ["save"]):
        refused = moor.docker(*verb, "--platform", "linux/s390x", name, code=1)
        begin = "" if verb == ["push"] else "Error response from daemon: "  # a push tells it among its progress
        assert refused.stderr == (f"{begin}image with reference {name} was found but does not provide the specified "
                                  "platform (linux/s390x)\n")
        assert "atform" in moor.docker(verb[0], *verb[1:2], "--platform", "plan9/a/b/c", name, code=1).stderr
    assert lines(moor.docker("history", "-q", "--platform", here, name))
    assert json.loads(moor.docker("image", "inspect", "--platform", here, name).stdout)[0]["Id"] == tiny
    moor.docker("push", "--platform", here, name)
    assert moor.docker("rmi", "--platform", here, name).stdout.startswith(f"Untagged: {name}\n")
    moor.docker("tag", "--platform", here, "tiny:2", name, code=125)
    assert "An image does not exist locally" in moor.docker("push", "--platform", here, name, code=1).stderr


def test_load_from_a_directory(moor, tiny, tmp_path):
    archive, unpacked = tmp_path / "saved.tar", tmp_path / "unpacked"
    moor.docker("save", "-o", str(archive), "tiny:2")
    moor.docker("rmi", "tiny:2")
    with tarfile.open(archive) as file:
        file.extractall(unpacked)
    os.symlink("/etc", unpacked / "blobs" / "elsewhere")  # no part of it
    assert moor.docker("load", "-i", str(unpacked)).stdout == "Loaded image: tiny:2\n"
    blob = unpacked / "blobs" / "sha256" / sorted(
        os.listdir(unpacked / "blobs" / "sha256"), key=lambda name: -(unpacked / "blobs" / "sha256" / name).stat().st_size)[0]
    moor.docker("rmi", "tiny:2")
    blob.write_bytes(blob.read_bytes()[:-1] + b"\1")
    assert "invalid diffID" in moor.docker("load", "-i", str(unpacked), code=1).stderr


# --- what takes more than it should ---

def zstd_with_zeros(data, zeros):
    """A zstd frame of `data` as it is, then blocks that say four bytes each: 128 KiB of zeros."""
    assert len(data) < 1 << 17 and zeros % (1 << 17) == 0
    blocks = (zeros >> 17) * ((1 << 17) << 3 | 1 << 1).to_bytes(3, "little").ljust(4, b"\0")
    return b"\x28\xb5\x2f\xfd\x00\x58" + (len(data) << 3).to_bytes(3, "little") + data + blocks + b"\1\0\0"


def test_a_layer_that_is_next_to_nothing_but_zeros(moor, tmp_path):
    """A GiB of them may be honest; what compresses 1000 times beyond that is a bomb, or asked for."""
    layer, zeros = world.tar_bytes([("x", b"1")]), (1 << 30) + (32 << 20)
    digest = hashlib.sha256(layer)
    for _ in range(zeros >> 20):
        digest.update(bytes(1 << 20))
    image = world.Image([zstd_with_zeros(layer, zeros)])
    config = json.loads(image.config)
    config["rootfs"]["diff_ids"] = ["sha256:" + digest.hexdigest()]
    image.config = json.dumps(config).encode()
    image.id = world.sha256(image.config)
    archive = image.save(tmp_path / "bomb.tar", "bomb:1")
    refused = moor.docker("load", "-i", archive, code=1).stderr
    assert ("unpacks to more than 1 GiB and 200 times what is compressed: unpack-ratio in daemon.json can allow more"
            in refused)
    assert not os.listdir(os.path.join(moor.root, "layers"))
    with open(os.path.join(moor.config, "daemon.json"), "w") as file:
        json.dump({"unpack-ratio": 1100}, file)
    moor.docker("load", "-i", archive)


# --- what a disk does to images ---

def damage(store, text):
    """Empties the file that holds `text`, as a power cut leaves files whose bytes were never written."""
    for directory, _, names in os.walk(os.path.join(store, "layers")):
        for name in names:
            path = os.path.join(directory, name)
            if "/diff" in directory and os.path.isfile(path) and open(path, "rb").read() == text:
                os.truncate(path, 0)
                return path
    raise AssertionError("no such file")


def test_verify_and_repair(moor, registry, tmp_path):
    image = world.Image([world.tar_bytes([("one", b"first")]), world.tar_bytes([("two", b"second" * 9)]),
                         world.tar_bytes([("three", b"third")])])
    registry.push(image, "sound", "1", gzip.compress, GZIP)
    name = f"{registry.address}/sound:1"
    moor.docker("pull", "-q", name)
    moor.docker("load", "-q", "-i", small_image().save(tmp_path / "a.tar", "loaded:1"))
    assert moor.docker("image", "verify").stdout == "2 images checked: nothing is damaged\n"
    path = damage(moor.root, b"second" * 9)
    damaged = moor.docker("image", "verify", code=1)
    assert re.fullmatch(rf"{name}: layer [0-9a-f]{{12}} is damaged: two is shorter than it was\n", damaged.stdout)
    blob = os.path.join(moor.root, "blobs/sha256", image.id[7:])
    os.truncate(blob, 10)
    assert "configuration" in moor.docker("image", "verify", name, code=1).stdout
    repaired = moor.docker("image", "verify", "--repair", name)
    assert repaired.stdout.endswith(f"{name}: repaired\n")
    assert open(path, "rb").read() == b"second" * 9 and open(blob, "rb").read() == image.config
    assert moor.docker("image", "verify", name).stdout == "1 image checked: nothing is damaged\n"

    damage(moor.root, b"hello\n")
    refused = moor.docker("image", "verify", "--repair", code=1)
    assert refused.stderr == "loaded:1 came from an archive: remove it and load it again\n"
    assert "No such image: nothing" in moor.docker("image", "verify", "nothing", code=1).stderr


TREE = tar(entry("d", mode=0o750, uid=3), entry("d", mode=0o710), entry("d/f", b"content", **xattrs(user__a="1")),
           link("soft", "d/f"), link("hard", "d/f", hard=True), entry("fifo", type=tarfile.FIFOTYPE), entry("empty"),
           entry("d/f/.wh..wh..opq", b""), entry("d/f/.wh.x", b""), entry("d/.wh.gone", b""), entry("o"), entry("o/.wh..wh..opq", b""), entry("o/.wh.x", b""),
           entry("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3), entry("implied/x", b""),
           entry(".wh..wh.plnk/1.2", b"shared"), link("one", ".wh..wh.plnk/1.2", hard=True), link("two", ".wh..wh.plnk/1.2", hard=True))


def test_verify_sees_what_has_no_content(moor, registry):
    registry.push(world.Image([world.tar_bytes([("d/gone", b"")]), TREE, gnu_tar("--format=posix")]), "tree", "1", gzip.compress, GZIP)
    name = f"{registry.address}/tree:1"
    moor.docker("pull", "-q", name)
    assert moor.docker("image", "verify").stdout == "1 image checked: nothing is damaged\n"
    fifo, = (path for path, _, files in os.walk(os.path.join(moor.root, "layers")) if "fifo" in files)

    sparse, = (path for path, _, files in os.walk(os.path.join(moor.root, "layers")) if "holes" in files)

    def poke(place, text):
        with open(f"{sparse}/holes", "r+b") as file:
            file.seek(place)
            file.write(text)

    def put_back_link(target):
        os.unlink(f"{fifo}/soft")
        os.symlink(target, f"{fifo}/soft")

    def write(name, content):
        with open(f"{fifo}/{name}", "r+b") as file:
            file.write(content)
            file.truncate()

    def part():
        os.unlink(f"{fifo}/two")
        shutil.copy2(f"{fifo}/one", f"{fifo}/two")

    def join():
        os.unlink(f"{fifo}/two")
        os.link(f"{fifo}/one", f"{fifo}/two")

    harms = [
        ("one: has another content than it had", lambda: write("two", b"sHared"), lambda: write("one", b"shared")),
        ("one: has another size than it had", lambda: write("one", b"shared+"), lambda: write("one", b"shared")),
        ("one: has another mode than it had", lambda: os.chmod(f"{fifo}/one", 0o4755), lambda: os.chmod(f"{fifo}/one", 0o644)),
        ("two: is no longer the same file as its other name", part, join),
        ("d/f: has another size than it had", lambda: write("d/f", b"content+"), lambda: write("d/f", b"content")),
        ("empty: is lost", lambda: os.rmdir(f"{fifo}/empty"), lambda: os.mkdir(f"{fifo}/empty", 0o755)),
        ("d: has another mode than it had", lambda: os.chmod(f"{fifo}/d", 0o777), lambda: os.chmod(f"{fifo}/d", 0o710)),
        ("d/f: has another owner than it had", lambda: os.chown(f"{fifo}/d/f", 7, 7), lambda: os.chown(f"{fifo}/d/f", 0, 0)),
        ("d/f: has lost its attribute user.a", lambda: os.removexattr(f"{fifo}/d/f", "user.a"),
         lambda: os.setxattr(f"{fifo}/d/f", "user.a", b"1")),
        ("soft: leads elsewhere than it did", lambda: put_back_link("d/g"), lambda: put_back_link("d/f")),
        ("d/.wh.gone: is lost", lambda: os.unlink(f"{fifo}/d/gone"), lambda: os.mknod(f"{fifo}/d/gone", stat.S_IFCHR, 0)),
        *(("holes: has another content than it had", lambda place=place: poke(place, b"X"), lambda place=place, text=text: poke(place, text))
          for place, text in ((0, b"d"), (1_000_000 - 1, b"\0"), (1_000_799, b"a"), (4_999_999, b"\0"))),
        ("holes: has another size than it had", lambda: poke(5_000_000, b"X"), lambda: os.truncate(f"{sparse}/holes", 5_000_000)),
        ("fifo: is of another kind than it was", lambda: os.replace(f"{fifo}/implied/x", f"{fifo}/fifo"), None),
    ]
    for text, harm, mend in harms:
        harm()
        assert moor.docker("image", "verify", code=1).stdout.endswith(f" is damaged: {text}\n")
        if mend:
            mend()
    moor.docker("image", "verify", "--repair")
    assert moor.docker("image", "verify").stdout == "1 image checked: nothing is damaged\n"
    assert stat.S_ISFIFO(os.stat(f"{fifo}/fifo").st_mode) and os.path.samefile(f"{fifo}/hard", f"{fifo}/d/f")


def test_store_limit(moor, registry, tmp_path):
    """Said before anything is fetched where it is certain, and at the end at the latest; nothing stays."""
    layer = world.tar_bytes([("big", b"\0" * 3_000_000)])
    archive = world.Image([layer]).save(tmp_path / "big.tar", "big:1")
    registry.push(world.Image([layer]), "limited", "1", gzip.compress, GZIP)
    with open(os.path.join(moor.config, "daemon.json"), "w") as file:
        json.dump({"store-limit": "2m"}, file)
    for arguments in (["load", "-i", archive], ["pull", f"{registry.address}/limited:1"]):
        refused = moor.docker(*arguments, code=1)
        assert "no space left on device" in refused.stderr and "store" in refused.stderr and "limit" in refused.stderr
        assert moor.docker("images", "-q").stdout == "" and os.listdir(os.path.join(moor.root, "layers")) == []
        assert os.listdir(os.path.join(moor.root, "staging")) == []
    moor.docker("load", "-i", small_image().save(tmp_path / "small.tar", "small:1"))
    moor.docker("create", "--name", "c", "small:1", "/x")
    for arguments in (["import", "-", "huge:1"], ["cp", "-", "c:/"]):
        refused = moor.docker(*arguments, code=1, text=False, input=layer)
        assert b"no space left on device" in refused.stderr and b"limit" in refused.stderr
    (tmp_path / "big").write_bytes(b"\1" * 3_000_000)
    moor.docker("cp", str(tmp_path / "big"), "c:/")
    assert "limit" in moor.docker("commit", "c", "huge:1", code=1).stderr
    moor.docker("rm", "c")
    assert len(os.listdir(os.path.join(moor.root, "layers"))) == 1
    assert os.listdir(os.path.join(moor.root, "staging")) == []
    for key, value, code in (("store-limit", 4_000_000, 0), ("store-limit", "much", 1), ("store-limit", [], 1),
                             ("unpack-memory", "9m", 1), ("unpack-memory", "10m", 0), ("unpack-ratio", 0, 1),
                             ("unpack-ratio", "much", 1), ("unpack-ratio", 1100, 0), ("keep-blobs", "yes", 1)):
        with open(os.path.join(moor.config, "daemon.json"), "w") as file:
            json.dump({key: value}, file)
        loaded = moor.docker("load", "-i", archive, code=code)
        assert code == 0 or key in loaded.stderr
    packed = tmp_path / "packed.tar.xz"
    packed.write_bytes(lzma.compress(open(archive, "rb").read()))
    with open(os.path.join(moor.config, "daemon.json"), "w") as file:
        json.dump({"unpack-memory": "10m"}, file)
    assert "unpack-memory in daemon.json" in moor.docker("load", "-i", str(packed), code=1).stderr
