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

	TextFrame int               `json:"text_frame,omitempty"` // Frame of text files; 0: Frame
	TextLevel zstd.EncoderLevel `json:"text_level,omitempty"` // Level of these; 0: Level
	Deltas    Deltas            `json:"deltas,omitempty"`
}

// Deltas says which chunks are stored as deltas of what stands at their place in
// the version that was published last, where that helps.
type Deltas string

// The choices. What a newer program may choose besides is none to this one.
const (
	DeltasNone Deltas = ""
	DeltasText Deltas = "text" // those of text files
	DeltasAll  Deltas = "all"
)

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
		{ProfileFast, chunker.Params{Min: 16 << 10, Avg: 64 << 10, Max: 256 << 10}, Packing{Frame: packfile.DataFrameSize, Level: packfile.DefaultLevel}},
		{ProfileDefault, chunker.DefaultParams, Packing{
			Frame: packfile.DataFrameSize, Level: packfile.DefaultLevel,
			TextFrame: 2 << 20, TextLevel: zstd.SpeedDefault, Deltas: DeltasText,
		}},
		{ProfileSmall, chunker.Params{Min: 1 << 10, Avg: 4 << 10, Max: 16 << 10}, Packing{Frame: 1 << 20, Level: zstd.SpeedBetterCompression, TextFrame: 2 << 20, Deltas: DeltasAll}},
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
	case p.TextFrame < 0 || p.TextFrame > packfile.ChunkMax:
		return fmt.Errorf("text frames of %d bytes", p.TextFrame)
	case p.TextLevel < 0 || p.TextLevel > zstd.SpeedBestCompression:
		return fmt.Errorf("text compression level %d", p.TextLevel)
	}
	return nil
}

// metaLevel is the level of metadata: there is little of it, and with small files
// it is most of what a further version takes.
const metaLevel = zstd.SpeedDefault

// writer is how packs of a class are written.
func (p Packing) writer(class packfile.Class) packfile.WriterOptions {
	o := packfile.WriterOptions{Class: class}
	switch class {
	case packfile.ClassData:
		o.FrameSize, o.Level, o.TextFrame, o.TextLevel = p.Frame, p.Level, p.TextFrame, p.TextLevel
	case packfile.ClassMeta:
		o.Level = metaLevel
	}
	return o
}
