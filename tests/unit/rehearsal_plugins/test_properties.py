from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import rpc

from stacks.rehearsal.plugins.properties import UNKNOWN, decode, encode, has_unknown


def test_values_survive_the_way_to_the_engine_and_back() -> None:
    values = {"text": "a", "count": 3, "share": 0.5, "on": True, "list": [1, "b"], "map": {"x": {"y": False}}}
    assert decode(encode(values)).values == values


def test_a_property_that_holds_a_secret_is_secret_again_in_the_answer() -> None:
    struct = encode({"password": "p", "name": "n"}, {"password"})
    assert struct.fields["password"].struct_value.fields[rpc._special_sig_key].string_value == rpc._special_secret_sig
    decoded = decode(struct)
    assert decoded.values == {"password": "p", "name": "n"}
    assert decoded.secrets == {"password"}


def test_a_secret_deep_inside_makes_its_property_secret() -> None:
    inner = encode({"token": "t"}, {"token"})
    struct = Struct()
    struct.fields["settings"].struct_value.CopyFrom(inner)
    assert decode(struct).values == {"settings": {"token": "t"}}
    assert decode(struct).secrets == {"settings"}


def test_unknown_values_and_outputs_without_a_value_are_unknown() -> None:
    struct = encode({"id": UNKNOWN})
    struct.fields["later"].struct_value.fields[rpc._special_sig_key].string_value = rpc._special_output_value_sig
    struct.fields["later"].struct_value.fields["secret"].bool_value = True
    decoded = decode(struct)
    assert decoded.values == {"id": UNKNOWN, "later": UNKNOWN}
    assert decoded.secrets == {"later"}
    assert has_unknown({"a": [decoded.values]})
    assert not has_unknown({"a": ["b"]})


def test_null_properties_are_left_out() -> None:
    assert decode(encode({"a": None, "b": 1})).values == {"b": 1}
