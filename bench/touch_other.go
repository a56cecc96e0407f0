//go:build !linux

package bench

const touchSpare = 0

func touch(int64) {}
