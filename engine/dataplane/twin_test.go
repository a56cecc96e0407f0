package dataplane

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// lingers makes this test binary wait for its standard input to end.
const lingers = "AFS_TEST_LINGERS"

func TestMain(m *testing.M) {
	if os.Getenv(lingers) != "" {
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	os.Exit(m.Run())
}

// lingering is a process that runs program for as long as the test does.
func lingering(t *testing.T, program string) int {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), lingers+"=1")
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}

func TestATwinIsTheSameProgramOfTheSameUser(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other") // equal, but who is to know
	if err := os.WriteFile(other, b, 0o700); err != nil {
		t.Fatal(err)
	}
	ended := exec.Command(self, "-test.run=^$")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	me := uint32(os.Geteuid())
	for name, c := range map[string]struct {
		peer
		want bool
	}{
		"this process":             {peer{os.Getpid(), me}, true},
		"another of the program":   {peer{lingering(t, self), me}, true},
		"another program":          {peer{lingering(t, other), me}, false},
		"one of another user":      {peer{os.Getpid(), me + 1}, false},
		"one that is gone":         {peer{ended.Process.Pid, me}, false},
		"one that cannot be named": {peer{0, me}, false},
	} {
		if got := c.twin(); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}

// believing notes which packs it is told to believe.
type believing struct {
	fake
	told []bool
}

func (b *believing) Commit(_ context.Context, g *Group) ([]Outcome, error) {
	b.told = nil
	for _, p := range g.Packs {
		b.told = append(b.told, p.Believed)
	}
	return nil, nil
}

// Whoever is at the other end here is a twin. It is believed if the server
// wants that, and what it says of itself does not matter.
func TestPacksAreBelievedOfTwinsAlone(t *testing.T) {
	for _, twins := range []bool{false, true} {
		b := &believing{}
		c := serveIn(t, shortDir(t), b, func(v *Server) { v.Twins = twins }).dial(t)
		if _, err := c.Commit(t.Context(), &Group{Packs: []Pack{{Size: 1}, {Size: 2, Believed: true}}}); err != nil {
			t.Fatal(err)
		}
		if want := []bool{twins, twins}; !slices.Equal(b.told, want) {
			t.Errorf("twins are believed: %t; of the packs: %v", twins, b.told)
		}
	}
}
