"""A policy in a Stable-Baselines3 zip (SAC, TD3, PPO and their kin with MlpPolicy), of which nothing is unpickled.

Such a zip holds `data`, JSON in which some entries are pickles in base64, and `policy.pth`, a state dict. The tensors are read
with `weights_only=True`, of the JSON what is plain, and the actor is built from the tensors' names and shapes. It acts as
`model.predict(observation, deterministic=True)` does.

Source: DLR-RM/stable-baselines3: common/save_util.py (`data_to_json`), common/policies.py (`predict`, `unscale_action`),
sac/policies.py and td3/policies.py (`Actor`).
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline import PipelineError
from pipeline.methods.policy_files.adapters import Checked, Predicting, first_line
from pipeline.worlds.world import World, find_world

if TYPE_CHECKING:
    from pipeline.study.own import OwnEvaluation

PACKAGES = ("stable_baselines3.", "sb3_contrib.")  # whose policies are known
ACTIVATIONS = {
    "ELU": functional.elu,
    "GELU": functional.gelu,
    "LeakyReLU": functional.leaky_relu,
    "ReLU": torch.relu,
    "SiLU": functional.silu,
    "Tanh": torch.tanh,
}
CRITICS = ("critic.", "critic_target.", "actor_target.", "mlp_extractor.value_net.", "value_net.")  # do not act
SPREADS = ("log_std", "actor.log_std.weight", "actor.log_std.bias")  # matter only where actions are drawn
# where hidden layers lie, and the last: of PPO and A2C, of SAC and TQC, and of TD3 and DDPG, whose last is one of the others
ACTORS = (("mlp_extractor.policy_net", "action_net"), ("actor.latent_pi", "actor.mu"), ("actor.mu", None))


def load(run: OwnEvaluation) -> Checked:
    """The policy of a run's file.

    Raises:
        PipelineError: the file is no such zip, or its actor cannot be told from its tensors and plain fields.
    """
    try:
        with zipfile.ZipFile(run.file) as archive:
            data = json.loads(archive.read("data"))
            tensors = torch.load(io.BytesIO(archive.read("policy.pth")), map_location="cpu", weights_only=True)
        check_data(data)
        return Checked(Predicting(actor(data, tensors, find_world(run.environment))), run)
    except PipelineError as error:
        raise PipelineError(f"{run.file} {error}") from None
    except zipfile.BadZipFile as error:
        raise PipelineError(f"{run.file} is no zip of Stable-Baselines3 ({first_line(error)})") from None
    except Exception as error:  # whatever a foreign file may have its readers raise
        raise PipelineError(f"{run.file} is no policy that Stable-Baselines3 saved ({first_line(error)})") from None


def unread(what: str) -> PipelineError:
    """The error that a policy cannot be told from a zip's tensors and plain fields; it goes on where the file was named."""
    return PipelineError(f"{what}: bring it as FILE.py:load")


def check_data(data: dict) -> None:
    """See that a zip's plain fields tell of a policy that acts by its tensors alone.

    Raises:
        PipelineError: they do not.
    """
    told, space = data["policy_kwargs"], data["action_space"]
    if not str(data["policy_class"].get("__module__")).startswith(PACKAGES):
        raise unread("holds a policy of its author's own class")
    if data.get("use_sde"):
        raise unread("explores by gSDE, whose actor is not read here")
    if "FlattenExtractor" not in told.get("features_extractor_class", "FlattenExtractor"):
        raise unread("has a features extractor of its own")
    if data.get("_last_original_obs") is not None:
        raise unread("learned from normalized observations (VecNormalize), whose statistics it does not hold")
    ends = [{float(number) for number in re.findall(r"[-+.\w]+", str(space[end]))} for end in ("low", "high")]
    if ends != [{-1.0}, {1.0}]:
        raise unread("acts between other bounds than -1 and 1")


def layer_names(names: set[str]) -> list[str]:
    """The linear layers from observation to action, by the names of all tensors that act.

    Raises:
        PipelineError: there are others, or none.
    """
    for hidden, last in ACTORS:
        count = next(i for i in range(len(names) + 1) if f"{hidden}.{2 * i}.weight" not in names)  # every other is no layer
        layers = [f"{hidden}.{2 * i}" for i in range(count)] + [last] * (last is not None)
        if layers and names == {f"{layer}.{part}" for layer in layers for part in ("weight", "bias")}:
            return layers
    raise unread("holds no plain perceptron that acts (read are SAC, TD3, PPO and their kin with MlpPolicy)")


def actor(data: dict, tensors: dict[str, Tensor], world: World) -> Callable[[np.ndarray], np.ndarray]:
    """The likeliest actions (episode, action) for observations (episode, observation), as a function.

    Args:
        data: the zip's JSON. tensors: the policy's state dict. world: that it is to act in.

    Raises:
        PipelineError: it is another kind of policy, or of another world; the message goes on where the file was named.
    """
    layers = layer_names({name for name in tensors if not name.startswith(CRITICS) and name not in SPREADS})
    squashed = layers[-1] != "action_net"  # by a tanh; PPO's actions are not, but clipped
    if not squashed and "log_std" not in tensors:
        raise unread("chooses among actions, where torques are wanted")
    sizes = tensors[f"{layers[0]}.weight"].shape[1], tensors[f"{layers[-1]}.weight"].shape[0]
    if sizes != (world.observation_dim, world.action_dim):
        raise PipelineError(
            f"acts by {sizes[1]} numbers on {sizes[0]}, and {world.identifier} takes {world.action_dim} "
            f"and shows {world.observation_dim}"
        )
    weights = [(tensors[f"{layer}.weight"], tensors[f"{layer}.bias"]) for layer in layers]
    function = activation(data["policy_kwargs"], "ReLU" if squashed else "Tanh")

    @torch.inference_mode()
    def predict(observations: np.ndarray) -> np.ndarray:
        hidden = torch.from_numpy(observations)
        for weight, bias in weights[:-1]:
            hidden = function(functional.linear(hidden, weight, bias))
        given = functional.linear(hidden, *weights[-1])
        return -1 + 0.5 * (given.tanh().numpy() + 1) * 2 if squashed else given.numpy()  # as `unscale_action` rounds

    return predict


def activation(told: dict, usual: str) -> Callable[[Tensor], Tensor]:
    """What lies between the layers, by what of a policy's arguments is plain.

    Raises:
        PipelineError: it is not known.
    """
    said = told.get("activation_fn", f"<class 'torch.nn.modules.activation.{usual}'>")
    found = re.fullmatch(r"<class 'torch\.nn\.modules\.activation\.(\w+)'>", said)
    if found is None or found[1] not in ACTIVATIONS:
        raise unread(f"has {said} between its layers, which is not known")
    return ACTIVATIONS[found[1]]
