"""The check of an archive while it is being read: the reader's position is kept."""

import zipfile

from tfp_noise._saving import checksums


def test_archive_may_be_checked_while_it_is_read(tmp_path):
    content = bytes(range(256)) * 4000
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("weights", content)
        archive.writestr("last", bytes(300_000))
    with zipfile.ZipFile(tmp_path / "a.zip") as archive, archive.open("weights") as file:
        file.read(1000)
        at = archive.fp.tell()
        checksums.check_archive(archive)
        assert archive.fp.tell() == at
        file.seek(500_000)  # forward from the archive's position, in Python 3.12
        assert file.read(200) == content[500_000:500_200]
