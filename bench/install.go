package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// ErrInstall means that packages could not be installed. What is not there is
// left out of a run; it is no reason not to make one.
var ErrInstall = errors.New("packages were not installed")

// Install installs Debian packages that are not there.
func Install(ctx context.Context, packages []string) error {
	var missing []string
	for _, p := range packages {
		out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f=${Status}", p).Output()
		if err != nil || !strings.HasSuffix(string(out), " installed") {
			missing = append(missing, p)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	line := "apt-get install " + strings.Join(missing, " ")
	if len(Missing([]string{"apt-get"})) > 0 || os.Geteuid() != 0 {
		return fmt.Errorf("%w: it takes root on Debian to do it: %s", ErrInstall, line)
	}
	for _, args := range [][]string{{"update", "-qq"}, append([]string{"install", "-y", "-qq", "--no-install-recommends"}, missing...)} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		out, err := cmd.CombinedOutput()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrInstall, line, commandError(err, out))
		}
	}
	return nil
}
