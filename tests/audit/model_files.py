"""Model files as people and attackers make them, by name."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import random
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable


class Evil:
    """Does something when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch pwned",)


class Torch:
    """Like what torch.save writes: a magic number, a version, the system, the object, the storages' keys."""

    magic = 0x1950A86A20F9469CFC6C

    @classmethod
    def old_format(cls, value: object) -> bytes:
        heads = [pickle.dumps(one, protocol=2) for one in (cls.magic, 1001, {"little_endian": True}, value, ["0"])]
        return b"".join(heads) + random.Random(1).randbytes(500)


EVIL = pickle.dumps(Evil())
GOOD = pickle.dumps({"weights": [1.0, 2.0]})
ARRAYS = {"a": np.arange(1000.0), "b": np.asfortranarray(np.ones((3, 4), dtype="f4")), "c": np.array(["x", "yy"])}


def zip_of(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, member in members.items():
            archive.writestr(name.replace("__", "/").replace("_DOT_", "."), member)
    return content.getvalue()


def _tar(mode: str, name: str, member: bytes) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:  # type: ignore[call-overload]
        info = tarfile.TarInfo(name)
        info.size = len(member)
        archive.addfile(info, io.BytesIO(member))
    return content.getvalue()


def joblib_of(value: object, compress: Any = 0) -> bytes:
    content = io.BytesIO()
    joblib.dump(value, content, compress=compress)
    return content.getvalue()


def _numpy(save: Callable[..., None], value: object) -> bytes:
    content = io.BytesIO()
    save(content, value)
    return content.getvalue()


TORCH = zip_of(archive__data_DOT_pkl=EVIL, archive__version=b"3")
DANGEROUS = {
    "evil.pkl": EVIL,
    "text.pkl": pickle.dumps(Evil(), protocol=0),
    "two.pkl": GOOD + EVIL,
    "unknown.dat": EVIL,
    "no_extension": EVIL,
    "packed.pkl.gz": gzip.compress(EVIL),
    "model.pt": TORCH,
    "old.pt": Torch.old_format(Evil()),
    "pytorch_model.bin": TORCH,
    "zip.zip": zip_of(x__model_DOT_pt=TORCH),
    "zips.zip": zip_of(y__inner_DOT_zip=zip_of(x__model_DOT_pt=TORCH)),
    "hidden.whl": zip_of(pkg__data_DOT_txt=EVIL),
    "model.tar.gz": _tar("w:gz", "model/model.joblib", joblib_of({"e": Evil()})),
    "model.tar": _tar("w:", "model.pkl", EVIL),
    "plain.joblib": joblib_of({"e": Evil()}),
    "behind_arrays.joblib": joblib_of({**ARRAYS, "e": Evil()}),
    "zlib.joblib": joblib_of({**ARRAYS, "e": Evil()}, ("zlib", 3)),
    "gzip.joblib": joblib_of({**ARRAYS, "e": Evil()}, ("gzip", 3)),
    "bz2.joblib": joblib_of({"e": Evil()}, ("bz2", 3)),
    "xz.joblib": joblib_of({"e": Evil()}, ("xz", 3)),
    "lzma.joblib": joblib_of({"e": Evil()}, ("lzma", 3)),
    "objects.joblib": joblib_of({**ARRAYS, "o": np.array([1, Evil()], dtype=object)}),
    "objects.npy": _numpy(np.save, np.array([Evil()], dtype=object)),
    "objects.npz": _numpy(np.savez, np.array([Evil()], dtype=object)),
    "model.skops": zip_of(schema_DOT_json=b"{}", data_DOT_npy=_numpy(np.save, np.array([Evil()], dtype=object))),
    "model.h5": b"\x89HDF\r\n\x1a\n" + b"\0" * 2**20 + b'{"layers": [{"class_name": "Lambda", "config": {}}]}',
    "model.keras": zip_of(config_DOT_json=b'{"layers": [{"class_name":"Lambda"}]}'),
}
UNREADABLE = {
    "empty.pkl": b"",
    "random.pkl": random.Random(1).randbytes(300),
    "random.bin": random.Random(2).randbytes(300),
    "torn.pkl": pickle.dumps({"weights": list(range(500))})[:200],
    "tail.pkl": GOOD + b"\xff" * 20,
    "torn.joblib": joblib_of(ARRAYS)[:4000],
    "records.joblib": joblib_of(np.zeros(3, dtype=[("a", "f8"), ("b", "O")])),
    "endless.joblib": joblib_of({"a": np.zeros(7)}).replace(b"K\x07\x85", b"\x8a\x14" + b"\x7f" * 20 + b"\x85"),
    "lz4.joblib": b"\x04\x22\x4d\x18" + bytes(50),
    "torn.joblib.gz": gzip.compress(joblib_of(ARRAYS))[:500],
    "torn.pt": TORCH[:-30],
    "torn.npy": b"\x93NUMPY\x01\x00\x10\x00{}",
    "version.npy": b"\x93NUMPY\x09\x00\x10\x00{}",
    "torn.tar": _tar("w:", "model.pkl", GOOD)[:600],
    "extension.pkl": b"\x80\x02\x82\x01.",
    "unmarked.pkl": b"\x80\x04t.",
    "deep.zip": zip_of(a_DOT_zip=zip_of(b_DOT_zip=zip_of(c_DOT_zip=zip_of(d_DOT_zip=zip_of(e_DOT_pkl=EVIL))))),
}
FINE = {
    "array.npy": _numpy(np.save, np.arange(5.0)),
    "arrays.npz": _numpy(np.savez, np.arange(5.0)),
    "model.skops": zip_of(schema_DOT_json=b"{}", data_DOT_npy=_numpy(np.save, np.arange(5.0))),
    "model.h5": b"\x89HDF\r\n\x1a\n" + b'{"layers": [{"class_name": "Dense"}]}',
    "model.keras": zip_of(config_DOT_json=b'{"layers": [{"class_name": "Dense"}]}'),
    "notes.zip": zip_of(a_DOT_txt=b"hello"),
    "begins_like_one": b"\x80\x04" + random.Random(3).randbytes(300),
    "sheet.xlsx": b"PK\x03\x04" + bytes(40),
    "data.csv.gz": gzip.compress(b"a,b\n"),
}
PICKLES = {
    "good.pkl": GOOD,
    "plain.joblib": joblib_of({"a": 1}),
    "arrays.joblib": joblib_of(ARRAYS),
    "zlib.joblib": joblib_of(ARRAYS, 3),
    "model.pt": zip_of(archive__data_DOT_pkl=GOOD, archive__data__0=random.Random(4).randbytes(64)),
    "old.pt": Torch.old_format({"a": 1}),
    "objects.npy": _numpy(np.save, np.array([{"a": 1}], dtype=object)),
}
