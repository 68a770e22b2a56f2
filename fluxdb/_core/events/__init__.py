"""From a commit to a subscriber: what is watched, feeds, the dispatcher, the streams of tasks."""
