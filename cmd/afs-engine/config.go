package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/artifortress/afs-engine/engine"
)

// config is the configuration file, $XDG_CONFIG_HOME/afs-engine/config.toml.
// A key that is not listed here is an error.
type config struct {
	Store     string                 `toml:"store"`
	JSON      *bool                  `toml:"json"`
	Quiet     *bool                  `toml:"quiet"`
	Verbose   *int                   `toml:"verbose"`
	LogFormat string                 `toml:"log-format"`
	NoColor   *bool                  `toml:"no-color"`
	Memory    string                 `toml:"memory"`
	Jobs      *int                   `toml:"jobs"`
	Stores    map[string]storeConfig `toml:"stores"`

	path string
}

type storeConfig struct {
	Location string `toml:"location"`
}

// readConfig reads the file; none is no error.
func readConfig(env func(string) string) (*config, error) {
	dir := xdg(env, "XDG_CONFIG_HOME", ".config")
	if dir == "" {
		return &config{}, nil
	}
	c := &config{path: filepath.Join(dir, "config.toml")}
	f, err := os.Open(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	if err := toml.NewDecoder(f).DisallowUnknownFields().Decode(c); err != nil {
		return nil, configError(c.path, err)
	}
	for name, s := range c.Stores {
		if s.Location == "" {
			return nil, usagef("%s: stores.%s has no location", c.path, name)
		}
	}
	return c, nil
}

func configError(path string, err error) error {
	const hint = "'afs-engine help environment' lists the keys"
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		e := strict.Errors[0]
		row, _ := e.Position()
		return engine.WithHint(usagef("%s:%d: unknown key %s", path, row, strings.Join(e.Key(), ".")), hint)
	}
	var bad *toml.DecodeError
	if errors.As(err, &bad) {
		row, _ := bad.Position()
		return engine.WithHint(usagef("%s:%d: %s", path, row, strings.TrimPrefix(bad.Error(), "toml: ")), hint)
	}
	return usagef("%s: %s", path, err)
}

// values are the file's settings as flags would be given; "" is not set.
func (c *config) values() map[string]string {
	return map[string]string{
		"store":      c.Store,
		"json":       boolText(c.JSON),
		"quiet":      boolText(c.Quiet),
		"verbose":    intText(c.Verbose),
		"log-format": c.LogFormat,
		"no-color":   boolText(c.NoColor),
		"memory":     c.Memory,
		"jobs":       intText(c.Jobs),
	}
}

// locations are the named stores. Relative directories are relative to the
// file, so that it means the same wherever the command is run.
func (c *config) locations() map[string]string {
	m := make(map[string]string, len(c.Stores))
	for name, s := range c.Stores {
		l := s.Location
		if !strings.Contains(l, ":") && !filepath.IsAbs(l) && !strings.HasPrefix(l, "~/") {
			l = filepath.Join(filepath.Dir(c.path), l)
		}
		m[name] = l
	}
	return m
}

// xdg is afs-engine's directory of one of the XDG kinds, or "" without a home.
// XDG Base Directory Specification 0.8: relative values are to be ignored.
func xdg(env func(string) string, name, fallback string) string {
	if dir := env(name); filepath.IsAbs(dir) {
		return filepath.Join(dir, "afs-engine")
	}
	if home := env("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, fallback, "afs-engine")
	}
	return ""
}
