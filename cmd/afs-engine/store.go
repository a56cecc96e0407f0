package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/localfs"
	"github.com/artifortress/afs-engine/backends/mem"
	"github.com/artifortress/afs-engine/chunker"
	"github.com/artifortress/afs-engine/engine"
)

// memLocation is a store that lives and dies with the process.
const memLocation = "mem:"

// In a local store's directory.
const (
	indexDir     = "index"  // the index, beside the objects
	configObject = "config" // the object that makes it a store
)

var scheme = regexp.MustCompile(`^[a-z][a-z0-9+]*:`)

// missing says what to do where no store is.
type missing int

const (
	refuse missing = iota // exit 10
	create                // make one, and say so
	assume                // act as on a new one, and leave no trace
)

// location is where the store is: memLocation or an absolute directory.
func (a *app) location() (string, error) {
	l := a.set.store
	if name, ok := strings.CutPrefix(l, "@"); ok {
		if l, ok = a.set.stores[name]; !ok {
			return "", engine.WithHint(usagef("no store is called @%s", name), "name it in config.toml, see 'afs-engine help environment'")
		}
	}
	switch {
	case l == "":
		dir := xdg(a.env, "XDG_DATA_HOME", filepath.Join(".local", "share"))
		if dir == "" {
			return "", engine.WithHint(usagef("no store is named and there is no home directory"), "pass --store or set AFS_STORE")
		}
		return dir, nil
	case l == memLocation:
		return l, nil
	case scheme.MatchString(l):
		return "", engine.WithHint(usagef("store %s: this kind of store is not built in this version", l), "use a directory")
	case strings.HasPrefix(l, "~/"):
		l = filepath.Join(a.env("HOME"), l[2:])
	}
	abs, err := filepath.Abs(l)
	if err != nil {
		return "", fmt.Errorf("store %s: %w", l, err)
	}
	return abs, nil
}

// withStore opens the store, calls f with it, and closes it.
func (a *app) withStore(ctx context.Context, m missing, f func(engine.Engine) error) error {
	eng, closeStore, err := a.open(ctx, m)
	if err != nil {
		return err
	}
	err = f(eng)
	if cerr := closeStore(); err == nil && cerr != nil {
		err = fmt.Errorf("close store: %w", cerr)
	}
	return err
}

func (a *app) open(ctx context.Context, m missing) (engine.Engine, func() error, error) {
	loc, err := a.location()
	if err != nil {
		return nil, nil, err
	}
	if loc == memLocation {
		return a.openMem(ctx)
	}
	eng, err := a.openLocal(ctx, loc)
	switch {
	case err == nil:
		return eng, eng.Close, nil
	case !errors.Is(err, engine.ErrNoStore):
		return nil, nil, fmt.Errorf("open store %s: %w", loc, err)
	case m == assume:
		return a.openMem(ctx)
	case m == create:
		info, err := createLocal(ctx, loc, engine.CreateOptions{Now: a.now})
		if err != nil && !errors.Is(err, engine.ErrStoreTaken) { // taken: another process was as quick
			return nil, nil, err
		}
		if err == nil {
			a.note("created store %s (id %s)", loc, info.ID)
		}
		return a.open(ctx, refuse)
	}
	err = fmt.Errorf("%w: %s", engine.ErrNoStore, loc)
	return nil, nil, engine.WithHint(err, "run 'afs-engine init' or ingest something")
}

func (a *app) openLocal(ctx context.Context, dir string) (*engine.Local, error) {
	// A directory that is not a store is not even opened as one.
	if _, err := os.Lstat(filepath.Join(dir, configObject)); errors.Is(err, fs.ErrNotExist) {
		return nil, engine.ErrNoStore
	} else if err != nil {
		return nil, err
	}
	store, err := localfs.Open(dir, localfs.Options{})
	if err != nil {
		return nil, remoteError(err)
	}
	c := a.components(store, filepath.Join(dir, indexDir))
	if c.ReadOnly = readOnly(dir); c.ReadOnly {
		if c.IndexDir, err = a.cachedIndex(ctx, store); err != nil {
			return nil, err
		}
		a.log.Info("the store can only be read from here", "index", c.IndexDir)
	}
	return engine.Open(ctx, c, a.engineSettings())
}

// engineSettings are those of every engine, and of what goes without one.
func (a *app) engineSettings() engine.Settings { return engine.Settings{MemoryBytes: a.memory} }

// readOnly says that this user may not write to the store in dir, or nobody.
func readOnly(dir string) bool {
	err := unix.Access(filepath.Join(dir, indexDir), unix.W_OK)
	if errors.Is(err, fs.ErrNotExist) {
		err = unix.Access(dir, unix.W_OK)
	}
	return errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission)
}

// cachedIndex is where the index of a store is that cannot hold it. Reading
// brings an index up to date, so there must be one that can be written.
func (a *app) cachedIndex(ctx context.Context, store backends.Store) (string, error) {
	cache := xdg(a.env, "XDG_CACHE_HOME", ".cache")
	if cache == "" {
		return "", engine.WithHint(engine.ErrReadOnly, "its index has no place either: set XDG_CACHE_HOME or HOME")
	}
	info, err := engine.Inspect(ctx, store)
	return filepath.Join(cache, info.ID), err
}

func (a *app) components(store backends.Store, index string) engine.Components {
	return engine.Components{
		Store: store, IndexDir: index, RuntimeDir: a.runtimeDir(),
		TrustTwins: true, Logger: a.log, Now: a.now, Actor: actor(), Client: client(),
	}
}

// runtimeDir is where the sockets of stores go: short-lived, and this user's.
func (a *app) runtimeDir() string {
	if dir := a.env("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "afs-engine")
	}
	return filepath.Join("/tmp", fmt.Sprintf("afs-engine-%d", os.Geteuid()))
}

// openMem makes a store in memory; only its index is on disk, for as long.
func (a *app) openMem(ctx context.Context) (engine.Engine, func() error, error) {
	store := mem.New()
	if _, err := engine.Create(ctx, store, engine.CreateOptions{Now: a.now}); err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "afs-engine-index-")
	if err != nil {
		return nil, nil, err
	}
	c := a.components(store, dir)
	c.RuntimeDir = "" // nobody else can reach it
	eng, err := engine.Open(ctx, c, a.engineSettings())
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return eng, func() error { return errors.Join(eng.Close(), os.RemoveAll(dir)) }, nil
}

// createLocal makes a store in dir, which must be free for it.
func createLocal(ctx context.Context, dir string, o engine.CreateOptions) (engine.StoreInfo, error) {
	if err := freeForStore(dir); err != nil {
		return engine.StoreInfo{}, err
	}
	err := localfs.Create(dir)
	var info engine.StoreInfo
	if err == nil {
		var store *localfs.Store
		if store, err = localfs.Open(dir, localfs.Options{}); err == nil {
			info, err = engine.Create(ctx, store, o)
		}
	}
	if err != nil {
		return engine.StoreInfo{}, remoteError(fmt.Errorf("create store %s: %w", dir, err))
	}
	return info, nil
}

// remoteError says what to do about a network file system.
func remoteError(err error) error {
	if errors.Is(err, localfs.ErrRemote) {
		return &kindError{err, engine.KindRefused, "put the store on a disk of this machine"}
	}
	return err
}

// freeForStore protects a directory of other things, say a mistyped --store,
// from being strewn with objects.
func freeForStore(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("create store: %w", err)
	}
	for _, e := range entries {
		if e.Name() == configObject {
			return nil // a store; whoever creates it says so
		}
	}
	return engine.WithHint(usagef("%s holds other things and is not a store", dir), "name an empty directory")
}

// params are the chunk sizes that work without a store is done with.
func params() chunker.Params { return chunker.DefaultParams }

// actor is who the log says has done it.
func actor() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}
