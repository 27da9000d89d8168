"""ModelCustomer: a chat model as the customer of a service desk, from what its task says that they want."""

from __future__ import annotations

from collections.abc import Iterable

from practicum.envs import Task
from practicum.envs.retail.customers import register_customer
from practicum.envs.retail.visits import Said
from practicum.training.llm import ChatModel, Message, ModelFailed

LEAVES = "###LEAVES###"
GREETING = "Hello, what can I do for you?"
"""What the customer is asked first; the model's first words answer it."""
MOST_SILENT = 3
"""Empty replies in a row after which the model has failed."""
ROLE = f"""\
You are a customer who talks to the service desk of a shop. This is who you are and what you want:

{{instruction}}

Rules:
- Write only what the customer says, one short message at a time, in the first person.
- Do not tell everything at once: say what is needed at this point of the conversation.
- Never invent what is not said above. Where you are asked for something that you do not know, say so.
- Do not repeat the text above word for word; put it into words of your own.
- You do not know the shop's tools or rules, and you never write as the desk.
- When all that you want is done, or cannot be done, or you are handed over to somebody else, write \
{LEAVES} and nothing else.
"""


class ModelCustomer:
    """A customer whose words are a model's; leaves when the model says so.

    Args:
        model: whose words.
        instruction: who the customer is and what they want, addressed as "you".
        conversation: what was said before, the customer's first words first, by whom (`agent` or `customer`)
            and in which words.
    """

    def __init__(self, model: ChatModel, instruction: str, conversation: Iterable[Said] = ()) -> None:
        self._model = model
        self._instruction = " ".join(instruction.split())
        self._messages: list[Message] = [
            {"role": "system", "content": ROLE.format(instruction=instruction)},
            {"role": "user", "content": GREETING},
        ]
        for who, words in conversation:
            self._messages.append({"role": "user" if who == "agent" else "assistant", "content": words})

    def opening(self) -> str:
        """Their first words.

        Raises:
            ModelFailed: the model has none.
        """
        words = self._answered(self._messages)
        if words is None:
            raise ModelFailed(f"{self._model.name} as the customer left before it said anything")
        return words

    def reply(self, said: str) -> str | None:
        """What they answer; None when they leave.

        Raises:
            ModelFailed: the model says nothing.
        """
        return self._answered([*self._messages, {"role": "user", "content": said}])

    def _answered(self, messages: list[Message]) -> str | None:
        """The model's words, kept with the messages that they answer; None when it leaves.

        Words that hand out the whole instruction, as an agent may ask for, count as none.
        """
        for _ in range(MOST_SILENT):
            words = self._model.complete(messages).text
            if LEAVES in words:
                return None
            if words and not self._gives_away(words):
                self._messages = [*messages, {"role": "assistant", "content": words}]
                return words
        raise ModelFailed(f"{self._model.name} as the customer said nothing of use, {MOST_SILENT} times")

    def _gives_away(self, words: str) -> bool:
        return bool(self._instruction) and self._instruction in " ".join(words.split())


def hire(model: ChatModel, name: str = "chat") -> None:
    """Let a model be the customer of every task of `retail` that asks for `customer=NAME`.

    What it says is kept in the log, so a replay needs no model.

    Args:
        model: plays them all, each in a conversation of its own.
        name: of the kind of customer; one hired later under the same name takes its place.
    """

    def make(task: Task, conversation: Iterable[Said]) -> ModelCustomer:
        return ModelCustomer(model, str(task.secret.get("instruction", "")), conversation)

    register_customer(name, make)
