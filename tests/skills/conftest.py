"""What holds for every test of practicum.skills."""

import hypothesis

hypothesis.settings.register_profile("practicum", deadline=None)  # how fast a machine is proves nothing
hypothesis.settings.load_profile("practicum")
