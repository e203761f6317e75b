#!/bin/sh
# Lays the pictures beside the regions drawn in them, in a folder that is not there yet:
#
#   sh docs/regions/with_pictures.sh ../shared/data carla_regions
#
# The first argument is the folder with carla_drive/, carla_drive_weathers/ and
# carla_sequence_1280x960/.
set -eu

if [ $# -ne 2 ] || [ -e "$2" ]; then
    echo "usage: sh docs/regions/with_pictures.sh DATA NEW_FOLDER" >&2
    exit 2
fi

rm -rf "$2.part"
mkdir -p "$2.part"
cp -r "$(dirname "$0")/train" "$(dirname "$0")/measure" "$2.part"
for file in "$2.part"/*/*/*.json; do
    find "$1/carla_drive" "$1/carla_drive_weathers" "$1/carla_sequence_1280x960" \
        -name "$(basename "$file" .json).jpg" -exec cp {} "$(dirname "$file")" \;
done
mv "$2.part" "$2"
