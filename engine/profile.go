package engine

import (
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/packfile"
)

// Profile is how a store trades time for space. It is chosen when the store is
// made. Only the chunker's part binds those who write later: what was cut
// otherwise is not found again, while packs of every frame size and level can
// be read by all.
type Profile struct {
	Name    string
	Chunker chunker.Params
	Packing Packing
}

// Packing is how data chunks are put into packs. Metadata, which is read in
// small pieces, is always packed the same way.
type Packing struct {
	Frame int               `json:"frame"` // bytes of chunks that are compressed together
	Level zstd.EncoderLevel `json:"level"` // of zstd, 1 (fastest) to 4 (best)
}

// Names of the profiles.
const (
	ProfileFast    = "fast"
	ProfileDefault = "default"
	ProfileSmall   = "small"
)

// Profiles returns the profiles, the fastest first. docs/decisions/0016 has the
// measurements that the default was chosen by.
func Profiles() []Profile {
	return []Profile{
		{ProfileFast, chunker.Params{Min: 16 << 10, Avg: 64 << 10, Max: 256 << 10}, Packing{packfile.DataFrameSize, packfile.DefaultLevel}},
		{ProfileDefault, chunker.DefaultParams, Packing{packfile.DataFrameSize, packfile.DefaultLevel}},
		{ProfileSmall, chunker.Params{Min: 1 << 10, Avg: 4 << 10, Max: 16 << 10}, Packing{1 << 20, zstd.SpeedBetterCompression}},
	}
}

// ProfileNamed finds a profile; "" is the default one.
func ProfileNamed(name string) (Profile, error) {
	if name == "" {
		name = ProfileDefault
	}
	for _, p := range Profiles() {
		if p.Name == name {
			return p, nil
		}
	}
	return Profile{}, WithHint(fmt.Errorf("%w: there is no profile %q", ErrUsage, name), "choose fast, default or small")
}

func (p Packing) validate() error {
	switch {
	case p.Frame < 1 || p.Frame > packfile.ChunkMax:
		return fmt.Errorf("frames of %d bytes", p.Frame)
	case p.Level < zstd.SpeedFastest || p.Level > zstd.SpeedBestCompression:
		return fmt.Errorf("compression level %d", p.Level)
	}
	return nil
}

// writer is how packs of a class are written.
func (p Packing) writer(class packfile.Class) packfile.WriterOptions {
	o := packfile.WriterOptions{Class: class}
	if class == packfile.ClassData {
		o.FrameSize, o.Level = p.Frame, p.Level
	}
	return o
}
