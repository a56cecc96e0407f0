package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// errDifferent means that what came out is not what went in.
var errDifferent = errors.New("differs from the source")

// sameTree compares names, kinds, link targets, execute bits and bytes of two
// trees. The error is errDifferent, with the first difference, or about what
// could not be read.
func sameTree(want, got string) error {
	got, err := filepath.EvalSymlinks(got) // some mounts show a release by a link
	if err != nil {
		return err
	}
	seen := 0
	err = filepath.WalkDir(want, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		seen++
		rel, err := filepath.Rel(want, path)
		if err != nil {
			return err
		}
		return sameFile(path, filepath.Join(got, rel), rel)
	})
	if err != nil {
		return err
	}
	err = filepath.WalkDir(got, func(_ string, _ fs.DirEntry, err error) error {
		seen--
		return err
	})
	if err == nil && seen != 0 {
		err = fmt.Errorf("%w: %d names too many", errDifferent, -seen)
	}
	return err
}

func sameFile(want, got, name string) error {
	w, err := os.Lstat(want)
	if err != nil {
		return err
	}
	g, err := os.Lstat(got)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is missing", errDifferent, name)
	}
	if err != nil {
		return err
	}
	const executable = 0o100
	switch {
	case w.Mode().Type() != g.Mode().Type():
		return fmt.Errorf("%w: %s is of another kind", errDifferent, name)
	case w.Mode().Type() == fs.ModeSymlink:
		return sameLink(want, got, name)
	case !w.Mode().IsRegular():
		return nil
	case w.Mode()&executable != g.Mode()&executable:
		return fmt.Errorf("%w: %s has another execute bit", errDifferent, name)
	case w.Size() != g.Size():
		return fmt.Errorf("%w: %s has %d bytes, want %d", errDifferent, name, g.Size(), w.Size())
	}
	return sameBytes(want, got, name, w.Size())
}

func sameLink(want, got, name string) error {
	w, err := os.Readlink(want)
	if err != nil {
		return err
	}
	g, err := os.Readlink(got)
	if err == nil && w != g {
		err = fmt.Errorf("%w: %s points elsewhere", errDifferent, name)
	}
	return err
}

// sameBytes compares files that should have size bytes.
func sameBytes(want, got, name string, size int64) error {
	const most = 256 << 10
	w, err := os.Open(want)
	if err != nil {
		return err
	}
	defer w.Close()
	g, err := os.Open(got)
	if err != nil {
		return err
	}
	defer g.Close()
	block := min(size+1, most) // the end of a small one is seen with its bytes
	a, b := make([]byte, block), make([]byte, block)
	for at := int64(0); ; {
		n, err := io.ReadFull(w, a)
		m, gerr := io.ReadFull(g, b)
		if !bytes.Equal(a[:n], b[:m]) {
			return fmt.Errorf("%w: %s, within %d bytes from byte %d", errDifferent, name, len(a), at)
		}
		at += int64(n)
		if ended(err) && ended(gerr) {
			return nil
		}
		if err = errors.Join(err, gerr); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
}

func ended(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }
