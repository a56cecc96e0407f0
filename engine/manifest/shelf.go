package manifest

import (
	"errors"
	"fmt"
	"hash/maphash"
	"os"
)

// shelf is a stack of byte strings in a temporary file, which has no name from
// the moment it is made, so that nothing is left of it whatever happens. The
// zero value is empty and has no file yet.
type shelf struct {
	dir  string // "" is os.TempDir()
	file *os.File
	end  int64
	seed maphash.Seed
}

// shelved is what is remembered of a string on a shelf.
type shelved struct {
	size int
	sum  uint64
}

var errShelf = errors.New("the temporary file holds something else than was written to it")

// push puts b on top.
func (s *shelf) push(b []byte) (shelved, error) {
	if s.file == nil {
		if err := s.open(); err != nil {
			return shelved{}, err
		}
	}
	if _, err := s.file.WriteAt(b, s.end); err != nil {
		return shelved{}, err
	}
	s.end += int64(len(b))
	return shelved{len(b), maphash.Bytes(s.seed, b)}, nil
}

// pop takes the topmost string, which is the one that top was returned for,
// into buf if it has room.
func (s *shelf) pop(top shelved, buf []byte) ([]byte, error) {
	if cap(buf) < top.size {
		buf = make([]byte, top.size)
	}
	buf = buf[:top.size]
	s.end -= int64(top.size)
	if _, err := s.file.ReadAt(buf, s.end); err != nil {
		return nil, err
	}
	if maphash.Bytes(s.seed, buf) != top.sum {
		return nil, errShelf
	}
	return buf, nil
}

func (s *shelf) open() (err error) {
	if s.file, err = os.CreateTemp(s.dir, "afs-scratch-"); err != nil {
		return err
	}
	s.seed = maphash.MakeSeed()
	if err := os.Remove(s.file.Name()); err != nil {
		return errors.Join(fmt.Errorf("remove temporary file: %w", err), s.close())
	}
	return nil
}

func (s *shelf) close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}
