package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/manifest"
)

type checksumLine struct {
	Path    string `json:"path"`
	PathB64 []byte `json:"path_b64,omitempty"`
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size"`
}

// checksums prints the SHA-256 of every regular file at and below e, with the
// paths relative to e, so that they fit what 'restore REF:PATH' writes.
func (a *app) checksums(ctx context.Context, v *engine.Version, e manifest.Entry, path string) error {
	if e.Kind == manifest.File {
		return a.checksum(ctx, v, path[strings.LastIndexByte(path, '/')+1:], e)
	}
	if e.Kind != manifest.Dir {
		return usagef("%s is a %s: only files have a checksum", shown(path), e.Kind)
	}
	return manifest.Walk(ctx, v.Source(), e, func(p string, e manifest.Entry) error {
		if e.Kind != manifest.File {
			return nil
		}
		return a.checksum(ctx, v, p, e)
	})
}

func (a *app) checksum(ctx context.Context, v *engine.Version, path string, e manifest.Entry) error {
	h := sha256.New()
	if err := writeFile(ctx, v, e, h); err != nil {
		return fmt.Errorf("read %s: %w", shown(path), err)
	}
	sum := hex.EncodeToString(h.Sum(nil))
	if a.out.json {
		return a.out.emit("checksum", checksumLine{path, b64(path), sum, e.Size})
	}
	return a.out.printf("%s\n", checksumText(sum, path))
}

// checksumText is a line as sha256sum (GNU coreutils) writes and reads it: a
// backslash in front says that the name is escaped.
func checksumText(sum, path string) string {
	if !strings.ContainsAny(path, "\\\n\r") {
		return sum + "  " + path
	}
	return `\` + sum + "  " + strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(path)
}

// writeFile writes a file's bytes to w, as they come.
func writeFile(ctx context.Context, v *engine.Version, e manifest.Entry, w io.Writer) error {
	f, err := manifest.OpenFile(ctx, v.Source(), e)
	if err != nil {
		return err
	}
	_, err = f.WriteTo(w)
	return err
}
