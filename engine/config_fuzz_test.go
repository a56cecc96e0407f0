package engine

import (
	"context"
	"testing"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/mem"
)

// FuzzDecodeConfig looks for panics, and for a config that is accepted but does
// not write itself again as something that reads the same.
func FuzzDecodeConfig(f *testing.F) {
	s := mem.New()
	if _, err := Create(context.Background(), s, CreateOptions{}); err != nil {
		f.Fatal(err)
	}
	sound, err := backends.ReadAll(context.Background(), s, configKey, 0, -1, configMax)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sound)
	f.Add([]byte("{}\n" + digestLine([]byte("{}\n"))))
	f.Add([]byte("\n" + digestLine([]byte("\n"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeConfig(b)
		if err != nil {
			// The digest hides the rest from the fuzzer: give it one that fits.
			line := append([]byte(nil), b...)
			for i, x := range line {
				if x == '\n' {
					line[i] = ' '
				}
			}
			line = append(line, '\n')
			if c, err = decodeConfig(append(line, digestLine(line)...)); err != nil {
				return
			}
		}
		again, err := c.encode()
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", c, err)
		}
		if d, err := decodeConfig(again); err != nil || d.ID != c.ID || d.Chunker != c.Chunker {
			t.Fatalf("%+v was read back as %+v, %v", c, d, err)
		}
	})
}
