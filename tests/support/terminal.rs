//! A real terminal (pty), in which somebody reads and types.

use super::place::Seen;
use std::process::Command;

const TERMINAL: &str = r#"
import fcntl, json, os, pty, struct, sys, termios
steps, argv = json.loads(sys.argv[1]), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    os.execv(argv[0], argv)
shown = b""
def more():
    global shown
    try:
        block = os.read(terminal, 4096)
    except OSError:
        block = b""
    shown += block
    return block
for wanted, typed, hidden in steps:
    begin = len(shown)
    while wanted.encode() not in shown[begin:] and more():
        pass
    while hidden and termios.tcgetattr(terminal)[3] & termios.ECHO:
        pass
    if typed.startswith("\0"):
        open(typed[1:], "w").close()
    else:
        os.write(terminal, typed.encode() + b"\n")
while more():
    pass
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

/// Runs a program in a terminal. Each step: what has to be read, what is typed then, whether it must not be shown. Behind `\0`
/// stands the name of a file that is made then; nothing is typed.
/// What the terminal has shown is its output.
pub fn at_terminal(program: &Command, steps: &[(&str, &str, bool)]) -> Seen {
    let mut command = Command::new("timeout");
    command.args(["60", "python3", "-c", TERMINAL, &serde_json::to_string(steps).unwrap()]);
    command.arg(program.get_program()).args(program.get_args());
    command.current_dir(program.get_current_dir().unwrap());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Seen::of(&super::output(&mut command))
}
