"""EBS direct: blocks of 512 KiB whose checksums are right, and a snapshot that is complete when all of them have come.

moto takes what it is told at face value, and has blocks of 512 bytes.
"""

import base64
import hashlib

from moto.core.exceptions import JsonRESTError
from moto.ebs.models import EBSBackend, EBSSnapshot
from moto.ebs.responses import EBSResponse

BLOCK = 512 << 10

EBSSnapshot.block_size = property(lambda snapshot: BLOCK, lambda snapshot, of_moto: None)


def sum_of(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def refuse(message):
    raise JsonRESTError("ValidationException", message)


def pending(backend, name):
    snapshot = backend.snapshots.get(name)
    if snapshot is None:
        raise JsonRESTError("ResourceNotFoundException", f"The snapshot {name} does not exist")
    if snapshot.status != "pending":
        refuse(f"The snapshot {name} is not pending")
    return snapshot


def start(backend, volume_size, tags, description, of_moto=EBSBackend.start_snapshot):
    snapshot = of_moto(backend, volume_size=volume_size, tags=tags, description=description)
    of_ec2 = backend.ec2_backend.snapshots[snapshot.snapshot_id]
    of_ec2.status = "pending"
    backend.ec2_backend.volumes.pop(of_ec2.volume.id, None)
    return snapshot


def put(backend, snapshot_id, block_index, block_data, checksum, checksum_algorithm, data_length, of_moto=EBSBackend.put_snapshot_block):
    snapshot = pending(backend, snapshot_id)
    if len(block_data) != BLOCK or int(data_length) != BLOCK:
        refuse(f"A block has {BLOCK} bytes, not {len(block_data)}")
    if checksum_algorithm != "SHA256" or checksum != sum_of(block_data):
        refuse(f"The checksum of block {block_index} is wrong")
    if not 0 <= int(block_index) < snapshot.volume_size * (1 << 30) // BLOCK:
        refuse(f"The block {block_index} is behind the volume's end")
    return of_moto(backend, snapshot_id, int(block_index), block_data, checksum, checksum_algorithm, data_length)


def complete(response, of_moto=EBSResponse.complete_snapshot):
    backend = response.ebs_backend
    name = response._get_param("SnapshotId")
    blocks = pending(backend, name).blocks
    digests = b"".join(hashlib.sha256(blocks[at].block_data).digest() for at in sorted(blocks))
    if int(response._get_param("ChangedBlocksCount")) != len(blocks):
        refuse(f"{len(blocks)} blocks were written")
    if response._get_param("Checksum") != sum_of(digests):
        refuse("The checksum of the blocks is wrong")
    backend.ec2_backend.snapshots[name].status = "completed"
    return of_moto(response)


EBSBackend.start_snapshot = start
EBSBackend.put_snapshot_block = put
EBSResponse.complete_snapshot = complete
