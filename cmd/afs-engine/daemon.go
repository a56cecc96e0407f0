package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/artifortress/afs-engine/engine"
)

// A mount in the background is this command again, in a session of its own.
// The two talk once, over a pipe whose descriptor the child finds in the
// environment: one JSON line says that the mount can be used, or why not.
const replyEnv = "AFS_MOUNT_REPLY_FD"

// replyMax bounds the reply, in bytes.
const replyMax = 64 << 10

type daemonReply struct {
	OK    bool        `json:"ok"`
	Ref   string      `json:"ref,omitempty"` // what is mounted, tags resolved
	Error string      `json:"error,omitempty"`
	Kind  engine.Kind `json:"kind,omitempty"`
	Hint  string      `json:"hint,omitempty"`
}

func (a *app) mountDaemon(ctx context.Context, f *mountFlags, dir string, ref []string) error {
	loc, err := a.location()
	if err != nil {
		return err
	}
	if loc == memLocation {
		return usagef("mount --daemon: a store in memory has nothing to mount")
	}
	logPath, logFile, err := a.daemonLog(dir)
	if err != nil {
		return err
	}
	defer logFile.Close()
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start in the background: %w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start in the background: %w", err)
	}
	defer r.Close()
	child := exec.Command(exe, daemonArgs(a, f, loc, dir, ref)...)
	child.Dir = "/" // so that it keeps no directory busy
	child.Env = append(os.Environ(), replyEnv+"=3")
	child.ExtraFiles = []*os.File{w}
	child.Stdout, child.Stderr = logFile, logFile
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = child.Start()
	w.Close()
	if err != nil {
		return fmt.Errorf("start in the background: %w", err)
	}
	reply, err := awaitReply(ctx, r)
	if err != nil {
		// Stopped, or the child died: either way nothing must stay mounted.
		_ = child.Process.Signal(syscall.SIGTERM)
		_ = child.Wait()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return engine.WithHint(fmt.Errorf("the process in the background died: %w", err), "see "+logPath)
	}
	if !reply.OK {
		_ = child.Wait() // its reply says why it ended
		return &kindError{errors.New(reply.Error), reply.Kind, reply.Hint}
	}
	line := mountLine{Store: loc, Dir: dir, Ref: reply.Ref, PID: child.Process.Pid}
	return a.printMounted(line, "'afs-engine umount "+quoted(dir)+"' ends it, log in "+logPath)
}

// daemonArgs are the arguments of the child, which runs in another directory.
func daemonArgs(a *app, f *mountFlags, loc, dir string, ref []string) []string {
	args := []string{"mount", "--store", loc, "--log-format", a.set.logFormat, "--verbose=" + strconv.Itoa(a.set.verbose)}
	if f.allowOther {
		args = append(args, "--allow-other")
	}
	return append(append(args, "--", dir), ref...)
}

// awaitReply reads the child's reply, or fails when ctx ends first.
func awaitReply(ctx context.Context, r *os.File) (daemonReply, error) {
	stop := context.AfterFunc(ctx, func() { r.Close() })
	defer stop()
	var reply daemonReply
	b, err := io.ReadAll(io.LimitReader(r, replyMax))
	if err != nil {
		return reply, err
	}
	if err := json.Unmarshal(bytes.TrimSpace(b), &reply); err != nil {
		return reply, errors.New("it ended without a word")
	}
	return reply, nil
}

// parent is the process that waits for the reply of this one; nil if this one
// is not in the background.
type parent struct{ w *os.File }

func openParent(env func(string) string) *parent {
	fd, err := strconv.Atoi(env(replyEnv))
	if err != nil || fd < 3 {
		return nil
	}
	syscall.CloseOnExec(fd)
	return &parent{os.NewFile(uintptr(fd), "reply")}
}

// tell sends the reply. Only the first one is sent.
func (p *parent) tell(reply daemonReply) error {
	if p.w == nil {
		return nil
	}
	defer func() { p.w = nil }()
	if err := errors.Join(json.NewEncoder(p.w).Encode(reply), p.w.Close()); err != nil {
		return fmt.Errorf("tell the parent: %w", err)
	}
	return nil
}

// fail sends why there is no mount. If nobody listens, the log has it as well.
func (p *parent) fail(ctx context.Context, err error, hint string) {
	if p != nil {
		_ = p.tell(daemonReply{Error: causeOf(ctx, err), Kind: kindOf(ctx, err), Hint: hint})
	}
}

// daemonLog opens the file that takes what the child prints.
func (a *app) daemonLog(dir string) (string, *os.File, error) {
	state := xdg(a.env, "XDG_STATE_HOME", filepath.Join(".local", "state"))
	if state == "" {
		return "", nil, engine.WithHint(usagef("mount --daemon: no place for its log"), "set XDG_STATE_HOME")
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return "", nil, fmt.Errorf("create state directory: %w", err)
	}
	name := "mount" + strings.ReplaceAll(dir, "/", "-")
	path := filepath.Join(state, name[:min(len(name), 200)]+".log")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return "", nil, fmt.Errorf("open log: %w", err)
	}
	return path, f, nil
}
