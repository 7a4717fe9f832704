// Makes a small JPEG of the picture that is POSTed (JPEG, PNG or GIF); ?width= is its width.
package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	_ "image/gif"
	"image/jpeg"
	_ "image/png"
	"strconv"

	"golang.org/x/image/draw"
	"hearth"
)

const (
	defaultWidth = 200
	maxWidth     = 2000
	maxPixels    = 40_000_000
)

func handler(ctx context.Context, event hearth.Event) (hearth.Response, error) {
	data, err := event.Bytes()
	if err != nil {
		return hearth.Response{}, err
	}
	width, err := wantedWidth(event.Query("width"))
	if err != nil {
		return hearth.Text(400, err.Error()+"\n"), nil
	}
	// The size is looked at before the picture is unpacked: a small file can be a huge picture.
	config, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return hearth.Text(415, "the body is no JPEG, PNG or GIF\n"), nil
	}
	if config.Width*config.Height > maxPixels {
		return hearth.Text(413, fmt.Sprintf("%d x %d is too large\n", config.Width, config.Height)), nil
	}
	picture, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return hearth.Text(415, "the picture is damaged: "+err.Error()+"\n"), nil
	}
	small, err := shrink(picture, width)
	if err != nil {
		return hearth.Response{}, err
	}
	return hearth.Bytes(200, "image/jpeg", small), nil
}

func wantedWidth(text string) (int, error) {
	if text == "" {
		return defaultWidth, nil
	}
	width, err := strconv.Atoi(text)
	if err != nil || width < 1 || width > maxWidth {
		return 0, fmt.Errorf("width is %q; it must be 1 to %d", text, maxWidth)
	}
	return width, nil
}

func shrink(picture image.Image, width int) ([]byte, error) {
	size := picture.Bounds()
	if width > size.Dx() {
		width = size.Dx()
	}
	height := size.Dy() * width / size.Dx()
	if height < 1 {
		height = 1
	}
	small := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.CatmullRom.Scale(small, small.Bounds(), picture, size, draw.Over, nil)
	var out bytes.Buffer
	err := jpeg.Encode(&out, small, &jpeg.Options{Quality: 85})
	return out.Bytes(), err
}

func main() {
	hearth.Start(handler)
}
