package main

import (
	"context"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/artifortress/afs-engine/engine"
	"github.com/artifortress/afs-engine/engine/manifest"
	"github.com/artifortress/afs-engine/engine/registry"
)

// completeMax bounds what is offered; who sees that many types another letter.
const completeMax = 500

type completions = []cobra.Completion

// completeRefs offers references for every argument. It is silent about
// whatever goes wrong: a store that is missing or busy has nothing to offer.
func (a *app) completeRefs(cmd *cobra.Command, _ []string, word string) (completions, cobra.ShellCompDirective) {
	if a.prepare(cmd, nil) != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var found completions
	_ = a.withStore(cmd.Context(), refuse, func(eng engine.Engine) error {
		found = refsFor(cmd.Context(), eng, word)
		return nil
	})
	if len(found) == 0 {
		return nil, cobra.ShellCompDirectiveDefault // it may be a file
	}
	return found, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completeFirstRef(cmd *cobra.Command, args []string, word string) (completions, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeRefs(cmd, args, word)
}

func (a *app) completeRefThenDir(cmd *cobra.Command, args []string, word string) (completions, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return a.completeRefs(cmd, args, word)
}

func (a *app) completeDirThenRef(cmd *cobra.Command, args []string, word string) (completions, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return nil, cobra.ShellCompDirectiveFilterDirs
	case 1:
		return a.completeRefs(cmd, args, word)
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// completeIngest offers files first, and files or names after.
func (a *app) completeIngest(cmd *cobra.Command, args []string, word string) (completions, cobra.ShellCompDirective) {
	if len(args) == 0 || strings.HasPrefix(word, ".") || strings.HasPrefix(word, "/") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return a.completeRefs(cmd, args, word)
}

func (a *app) completeDrafts(cmd *cobra.Command, args []string, word string) (completions, cobra.ShellCompDirective) {
	if len(args) > 0 || a.prepare(cmd, nil) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var found completions
	_ = a.withStore(cmd.Context(), refuse, func(eng engine.Engine) error {
		for v, err := range eng.Drafts(cmd.Context(), "") {
			if err != nil || len(found) == completeMax {
				break
			}
			if strings.HasPrefix(v.Ref.String(), word) {
				found = append(found, v.Ref.String())
			}
		}
		return nil
	})
	return found, cobra.ShellCompDirectiveNoFileComp
}

// refsFor offers what word can go on with: names of the registry up to the
// version, and after the ':' names of the version's directories.
func refsFor(ctx context.Context, eng engine.Engine, word string) completions {
	if left, p, ok := strings.Cut(word, ":"); ok {
		return pathsFor(ctx, eng, left, p)
	}
	under := ""
	if slash := strings.LastIndexByte(word, '/'); slash >= 0 {
		under = word[:slash]
	}
	var found completions
	for n, err := range eng.Names(ctx, under) {
		if err != nil || len(found) == completeMax {
			break
		}
		if !strings.HasPrefix(n.Path, word) {
			continue
		}
		if n.Kind == registry.Group {
			found = append(found, n.Path+"/")
		} else {
			found = append(found, n.Path)
		}
	}
	return found
}

func pathsFor(ctx context.Context, eng engine.Engine, left, p string) completions {
	dir, prefix := path.Split(p)
	ref, err := registry.ParseRef(left + ":" + dir)
	if err != nil {
		return nil
	}
	v, err := eng.Version(ctx, ref)
	if err != nil {
		return nil
	}
	e, err := manifest.Resolve(ctx, v.Source(), v.Root(), ref.Path)
	if err != nil || e.Kind != manifest.Dir {
		return nil
	}
	var found completions
	_ = listDir(ctx, v, e, func(e manifest.Entry) error {
		if !strings.HasPrefix(e.Name, prefix) || shown(e.Name) != e.Name {
			return nil
		}
		if len(found) == completeMax {
			return context.Canceled
		}
		name := left + ":" + dir + e.Name
		if e.Kind == manifest.Dir {
			name += "/"
		}
		found = append(found, name)
		return nil
	})
	return found
}
