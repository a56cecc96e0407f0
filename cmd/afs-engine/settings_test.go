package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/artifortress/afs-engine/engine"
)

func envOf(m map[string]string) func(string) string { return func(k string) string { return m[k] } }

func writeConfig(t *testing.T, text string) map[string]string {
	t.Helper()
	home := t.TempDir()
	dir := filepath.Join(home, "afs-engine")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"XDG_CONFIG_HOME": home}
}

func TestFlagBeatsEnvironmentBeatsFile(t *testing.T) {
	file := "store = \"file\"\nquiet = true\nlog-format = \"json\"\njobs = 5\n"
	for _, c := range []struct {
		name  string
		args  []string
		env   string
		store string
	}{
		{"file", nil, "", "file"},
		{"environment", nil, "env", "env"},
		{"flag", []string{"--store", "flag"}, "env", "flag"},
		{"empty flag is a flag", []string{"--store="}, "env", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := writeConfig(t, file)
			env["AFS_STORE"] = c.env
			var s settings
			var jobs int
			fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
			s.register(fs)
			fs.IntVar(&jobs, "jobs", 1, "")
			if err := fs.Parse(c.args); err != nil {
				t.Fatal(err)
			}
			if err := s.resolve(fs, envOf(env)); err != nil {
				t.Fatal(err)
			}
			if s.store != c.store || !s.quiet || s.logFormat != "json" || jobs != 5 {
				t.Errorf("got %+v, jobs %d", s, jobs)
			}
		})
	}
}

func TestConfigurationMistakesAreUsageErrors(t *testing.T) {
	for text, want := range map[string]string{
		"strore = \"x\"":                       ":1: unknown key strore",
		"\n[stores.ci]\nlocaton = \"x\"":       ":3: unknown key stores.ci.localton",
		"quiet = 3":                            ":1: ",
		"quiet = ":                             ":1: ",
		"[stores.ci]\n":                        "stores.ci has no location",
		"jobs = \"many\"":                      ":1: ",
		"jobs = 99999999999999999999999999999": ":1: ",
	} {
		want = strings.Replace(want, "localton", "locaton", 1)
		_, err := readConfig(envOf(writeConfig(t, text)))
		if engine.KindOf(err) != engine.KindUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want a usage error with %q", text, err, want)
		}
		if err != nil && strings.ContainsRune(err.Error(), '\n') {
			t.Errorf("%q: more than one line: %v", text, err)
		}
	}
}

func TestLocations(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	stores := map[string]string{"ci": "/srv/ci", "loop": "@ci"}
	for _, c := range []struct {
		store string
		env   map[string]string
		want  string // "" is a usage error
	}{
		{"/srv/a", nil, "/srv/a"},
		{"a/../b", nil, filepath.Join(wd, "b")},
		{"@ci", nil, "/srv/ci"},
		{"@other", nil, ""},
		{"~/s", map[string]string{"HOME": "/home/me"}, "/home/me/s"},
		{"mem:", nil, "mem:"},
		{"s3://bucket/x", nil, ""},
		{"https://host", nil, ""},
		{"", map[string]string{"XDG_DATA_HOME": "/data"}, "/data/afs-engine"},
		{"", map[string]string{"XDG_DATA_HOME": "relative", "HOME": "/home/me"}, "/home/me/.local/share/afs-engine"},
		{"", nil, ""},
	} {
		a := &app{env: envOf(c.env), set: settings{store: c.store, stores: stores}}
		got, err := a.location()
		if c.want == "" {
			if engine.KindOf(err) != engine.KindUsage {
				t.Errorf("%q: got %q, %v, want a usage error", c.store, got, err)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%q: got %q, %v, want %q", c.store, got, err, c.want)
		}
	}
}

func TestDirectoriesOfOtherThingsBecomeNoStores(t *testing.T) {
	dir := t.TempDir()
	if err := freeForStore(dir); err != nil {
		t.Error("empty:", err)
	}
	if err := freeForStore(filepath.Join(dir, "new")); err != nil {
		t.Error("missing:", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := freeForStore(dir); engine.KindOf(err) != engine.KindUsage {
		t.Error("with a file in it: got", err)
	}
}
