package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// signalError is the cause of a context that a signal ended.
type signalError struct{ signal syscall.Signal }

func (e *signalError) Error() string { return fmt.Sprintf("stopped by a signal (%v)", e.signal) }
func (e *signalError) Unwrap() error { return context.Canceled }
func (e *signalError) exitCode() int { return 128 + int(e.signal) }

// withSignals returns a context that ends with the first signal that asks the
// process to stop. The second ends the process at once. Signals that the
// parent had us ignore (nohup) stay ignored.
func withSignals(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stops := make(chan os.Signal, 2)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Notify(stops, s)
		}
	}
	// Asking for SIGPIPE, and not listening, turns a closed stdout into a
	// write error, so that a pipe into head still ends with a clean shutdown.
	pipes := make(chan os.Signal, 1)
	signal.Notify(pipes, syscall.SIGPIPE)

	done := make(chan struct{})
	go func() {
		for first := true; ; first = false {
			select {
			case s := <-stops:
				e := &signalError{stopSignal(s)}
				if !first {
					os.Exit(e.exitCode())
				}
				cancel(e)
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(stops)
		signal.Stop(pipes)
		close(done)
		cancel(nil)
	}
}

// stopSignal is the signal that counts for the exit code: a lost terminal is
// a termination.
func stopSignal(s os.Signal) syscall.Signal {
	if s == os.Interrupt {
		return syscall.SIGINT
	}
	return syscall.SIGTERM
}
