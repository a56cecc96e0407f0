package fusefs

import (
	linked "container/list"
	"context"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
)

// live knows the inodes that the kernel refers to, those it met first in front.
// The kernel keeps its references for as long as its own memory lasts, and each
// costs this process about a KiB, a directory up to two. So beyond max of them it is asked to drop the
// oldest. What it does not drop, because it is in use or a directory of what
// is, has its turn again later. The next use of one that it has dropped is a
// lookup; its pages are read again, too.
type live struct {
	max  int
	wake chan struct{}

	mu    sync.Mutex
	nodes linked.List // of *fs.Inode
	added int         // since the last sweep
}

// pruneBatch is how many inodes the kernel is asked to drop at once.
const pruneBatch = 1024

func newLive(max int) *live { return &live{max: max, wake: make(chan struct{}, 1)} }

// tracked is an inode's place among those that are live.
type tracked struct {
	live *live
	at   *linked.Element
}

var _ fs.NodeOnForgetter = (*tracked)(nil)

// add takes in a new inode, whose place t is.
func (l *live) add(n *fs.Inode, t *tracked) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t.live, t.at = l, l.nodes.PushBack(n)
	// Not at every one above max: if all are in use a sweep changes nothing.
	if l.added++; l.nodes.Len() > l.max && l.added > l.max/16 {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// OnForget takes out an inode that the kernel has dropped.
func (t *tracked) OnForget() {
	if t.live == nil {
		return // a root
	}
	t.live.mu.Lock()
	defer t.live.mu.Unlock()
	t.live.nodes.Remove(t.at)
}

// run asks the kernel to drop inodes whenever there are too many, until ctx
// ends. It must not run in a request: the kernel may have to wait for one.
func (l *live) run(ctx context.Context, root *fs.Inode) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		}
		for n := l.begin(); n > 0 && ctx.Err() == nil; n -= pruneBatch {
			drop(root, l.oldest(min(n, pruneBatch)))
		}
	}
}

// begin begins a sweep and says how many inodes it should ask for.
func (l *live) begin() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.added = 0
	return l.nodes.Len() - l.max*3/4
}

// oldest returns the n oldest inodes, and puts them behind all others.
func (l *live) oldest(n int) (nodes []*fs.Inode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := l.nodes.Front(); e != nil && len(nodes) < n; e = l.nodes.Front() {
		node := e.Value.(*fs.Inode)
		if _, parent := node.Parent(); parent == nil { // never lived: another lookup's inode was taken instead
			l.nodes.Remove(e)
			continue
		}
		l.nodes.MoveToBack(e)
		nodes = append(nodes, node)
	}
	return nodes
}

// drop asks the kernel to drop inodes.
func drop(root *fs.Inode, nodes []*fs.Inode) {
	if len(nodes) > 0 && root.NotifyPrune(nodes) == syscall.ENOSYS {
		dropNames(nodes) // before Linux 6.18
	}
}

// dropNames asks the kernel to drop the names of inodes, and with them what it
// has read of the directories that they are in.
func dropNames(nodes []*fs.Inode) {
	for _, n := range nodes {
		if name, parent := n.Parent(); parent != nil {
			parent.NotifyEntry(name)
		}
	}
}
