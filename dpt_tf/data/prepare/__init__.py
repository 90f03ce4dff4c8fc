"""Photos and their maps -> prepared data sets.

A folder of one's own:
  folders      which photo, map and person belong together; one view as it is stored, for collections, too
  held_out     which views of a person are kept for testing

Published collections, DeepFashion In-shop and MVC:
  listing      the files of a collection by picture
  deepfashion  a user's folder -> a catalogue, by DSC's, PATN's or no lists
  mvc          the same of MVC, whose JSON `mvc_lists` reads
  catalogue    what a collection comes down to before a picture is opened
  pipeline     a catalogue -> shards of records, with Beam
  report       what came of it
  builder      all that behind TFDS

DensePose-COCO:
  densepose_coco  annotations and COCO's photos -> people in crops, with points whose part, U and V are known

Nothing here knows flags: `commands.prepare` and `commands.build` do.
"""
