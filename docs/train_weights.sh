#!/bin/sh
# Trains a network of the box as it was trained, and leaves it in runs/NAME:
#
#   sh docs/train_weights.sh nuclei2 ../shared/data
#
# The first argument is a checkpoint's name, the second the folder with the data sets that its model
# card names. A training that was interrupted goes on when this is run again.
set -eu

here=$(dirname "$0")
usage() {
    echo "usage: sh docs/train_weights.sh carla29-small|carla29-medium|camvid11|nuclei2 DATA" >&2
    exit 2
}

[ $# -eq 2 ] || usage
name=$1
data=$2

# stage FOLDER OPTION...: trains in runs/FOLDER, unless that has been done.
stage() {
    run=runs/$1
    shift
    if [ -e "$run/state.safetensors" ]; then
        unet-seg train --resume "$run"
    elif [ ! -e "$run/best.md" ]; then
        unet-seg train "$@" --out "$run"
    fi
}

nuclei2() {
    nuclei() {
        stage "$@" --data "$data/nuclei/stage1_train" --label-set nuclei2 --batch-px 131072 \
            --max-class-weight 1
    }
    nuclei nuclei2_1 --input-size 512x512 --crop 128x128 --variation microscope \
        --steps 1800 --validate-every 300
    nuclei nuclei2_2 --init runs/nuclei2_1/best.safetensors --input-size 512x512 --crop 128x128 \
        --variation light --dice 1 --learning-rate 2e-3 --steps 2400 --validate-every 400
    nuclei nuclei2 --init runs/nuclei2_2/best.safetensors --input-size 1408x1408 \
        --crop 128x128 --crop 192x192 --variation light --dice 1 --learning-rate 3e-3 \
        --steps 3600 --validate-every 450
}

camvid11() {
    camvid() {
        stage "$@" --data "$data/camvid" --label-set camvid11 --validation-pictures 101
    }
    camvid camvid11_1 --input-size 360x270 --crop 240x180 --batch-px 129600 --steps 3600 \
        --validate-every 600
    camvid camvid11_2 --init runs/camvid11_1/best.safetensors --input-size 360x270 --crop 160x120 \
        --variation light --dice 1 --max-class-weight 2 --batch-px 115200 --learning-rate 2e-3 \
        --steps 4000 --validate-every 1000
    camvid camvid11_3 --init runs/camvid11_2/best.safetensors --input-size 480x360 --crop 192x144 \
        --variation light --dice 1 --max-class-weight 2 --batch-px 115200 --learning-rate 2e-3 \
        --steps 4000 --validate-every 800
    camvid camvid11_4 --init runs/camvid11_3/best.safetensors --input-size 480x360 --crop 192x144 \
        --variation light --lovasz 1 --dice 0.5 --max-class-weight 3 --batch-px 115200 \
        --learning-rate 2.5e-3 --steps 4500 --validate-every 500
    camvid camvid11 --init runs/camvid11_4/best.safetensors --input-size 480x360 \
        --crop 192x144 --crop 240x180 --variation light --lovasz 1 --dice 0.5 \
        --max-class-weight 1 --batch-px 115200 --learning-rate 2e-3 --steps 1300 \
        --validate-every 325
}

# The frames with regions drawn by hand.
carla_regions() {
    [ -d runs/carla_regions ] || sh "$here/regions/with_pictures.sh" "$data" runs/carla_regions
}

carla() {
    pairs=$data/carla_pairs
    stage "$@" --data "$data/carla_town02,share=1.5" --data town:0:1000 \
        --data "$data/camvid,split=train" \
        --data "$pairs/tags29_town10hd,layout=pairs,label-set=carla29,split=train,share=0.5" \
        --data "$pairs/tags13,label-set=carla13,split=train,share=0.4" \
        --data "$pairs/palette13_town03,label-set=carla13,split=train,share=0.2" \
        --data "$pairs/palette23,label-set=carla23,split=train,share=0.3" \
        --data runs/carla_regions/train,label-set=carla29,split=train,share=2.5 \
        --data runs/carla_regions/measure/Town05,label-set=carla29,split=validate \
        --data runs/carla_regions/measure/carla08,label-set=carla29,split=validate \
        --crop 160x80 --crop 256x192 --dice 1 --batch-px 196608
}

carla29_small() {
    carla_regions
    carla carla29-small_1 --max-class-weight 4 --steps 8000 --validate-every 1000
    carla carla29-small --init runs/carla29-small_1/best.safetensors --max-class-weight 1 \
        --learning-rate 1.5e-3 --steps 2500 --validate-every 500
}

carla29_medium() {
    carla_regions
    carla carla29-medium --init carla29-small --widen 2 --max-class-weight 1 \
        --learning-rate 1.5e-3 --steps 2000 --validate-every 500
}

case $name in
    carla29-small) carla29_small ;;
    carla29-medium) carla29_medium ;;
    camvid11) camvid11 ;;
    nuclei2) nuclei2 ;;
    *) usage ;;
esac
