"""Keys of sharing groups, by name: who declares and reads them, and what a list for the group then takes."""

# mypy: disable-error-code="index"

from typing import Any

import pytest

from tests.factories import Caller, Make
from tests.hashes import keyed, ndjson, new_list, publish, publish_lines
from tests.samples import group_marking, members_marking


@pytest.fixture
def group_id(make: Make, platform: Caller, bank: Caller) -> str:
    """A group of the platform that the bank is in."""
    return make.group(platform.member, [platform.member, bank.member]).id


def declare(caller: Caller, group_id: str, epoch: int, key_id: str = "group-key", **more: int) -> Any:
    return caller.put(f"/v1/groups/{group_id}/keys/{key_id}", json={"epoch": epoch, **more})


def said(items: list[dict[str, Any]]) -> list[str]:
    return [item.get("reason", item["status"]) for item in items]


def test_its_owner_declares_and_its_members_read(
    make: Make, platform: Caller, bank: Caller, author: Caller, group_id: str
) -> None:
    assert declare(platform, group_id, 3, retired_before=2).status_code == 200
    assert declare(platform, group_id, 1, "another-key").status_code == 200
    wanted = [
        {"key_id": "another-key", "epoch": 1, "retired_before": 0},
        {"key_id": "group-key", "epoch": 3, "retired_before": 2},
    ]
    for caller in (platform, bank):
        assert caller.get(f"/v1/groups/{group_id}/keys").json == {"items": wanted}
    assert author.get(f"/v1/groups/{group_id}/keys").status_code == 404
    assert declare(bank, group_id, 4).status_code == 403
    assert declare(author, group_id, 4).status_code == 404
    path = f"/v1/groups/{group_id}/invitations"
    assert platform.post(path, json={"member": author.member.id}).status_code == 201
    assert author.get(f"/v1/groups/{group_id}/keys").status_code == 403


def test_epochs_only_go_forward(platform: Caller, group_id: str) -> None:
    assert declare(platform, group_id, 3, retired_before=2).status_code == 200
    assert declare(platform, group_id, 2, retired_before=2).status_code == 409
    assert declare(platform, group_id, 3).status_code == 409
    assert declare(platform, group_id, 3, retired_before=4).status_code == 422
    assert declare(platform, group_id, 4, retired_before=4).status_code == 200


@pytest.mark.parametrize("key_id", ["x", "Upper-case", "a b", "a" * 65, "4479460123456", "44-7946-012345"])
def test_a_name_that_is_none_is_not_found(platform: Caller, group_id: str, key_id: str) -> None:
    assert declare(platform, group_id, 1, key_id).status_code == 404


def test_a_list_for_the_group_takes_declared_keys_and_epochs_only(platform: Caller, group_id: str) -> None:
    list_id = new_list(platform, group_marking(group_id), "hmac_sha256", "sha256")
    assert said(publish(platform, list_id, keyed(1, epoch=9))) == ["accepted"]
    declare(platform, group_id, 3, retired_before=2)
    items = [keyed(2, epoch=1), keyed(2, epoch=2), keyed(2, epoch=3), keyed(2, epoch=4)]
    unknown = {**keyed(3, epoch=3), "key_id": "other-key"}
    wanted = ["retired_epoch", "accepted", "accepted", "unknown_key", "unknown_key"]
    assert said(publish(platform, list_id, *items, unknown)) == wanted
    report = publish_lines(platform, list_id, ndjson(*items, unknown)).json
    assert report["counts"] == {"retired_epoch": 1, "unknown_key": 2}
    assert report["already_yours"] == 2


def test_lists_of_other_audiences_take_what_they_took(make: Make, platform: Caller, group_id: str) -> None:
    declare(platform, group_id, 3)
    list_id = new_list(platform, members_marking(make.member().id), "hmac_sha256")
    assert said(publish(platform, list_id, keyed(1, epoch=9))) == ["accepted"]
