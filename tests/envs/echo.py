"""A Gymnasium environment that shows what it was given, of any space."""

import gymnasium
import numpy as np


class Echo(gymnasium.Env):
    """Shows the action that it was given; ends after the third."""

    def __init__(self, action_space, observation_space=None):
        self.action_space = action_space
        self.observation_space = observation_space or action_space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        self.steps += 1
        assert self.action_space.contains(action)
        shown = action if self.observation_space is self.action_space else self.observation_space.sample()
        return shown, np.float32(0.5), self.steps == 3, False, {}
