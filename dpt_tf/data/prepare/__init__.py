"""Published collections of photos -> prepared data sets: DeepFashion In-shop and MVC.

`catalogue` says what a collection on disk comes down to; `deepfashion` and `mvc` make one from a user's folder;
`listing` walks that folder; `pipeline` turns a catalogue into shards with Beam; `report` tells what came of it;
`builder` puts them behind TFDS. Nothing here knows flags.
"""
