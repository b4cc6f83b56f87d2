//! try
use fitout::base::*;
use fitout::exec::*;
use std::sync::Arc;
struct P;
impl Sink for P {
    fn event(&self, e: &Event) {
        match e {
            Event::TaskStarted(_) => {}
            e => println!("{}", e.json()),
        }
    }
}
#[tokio::main]
async fn main() {
    let a: Vec<String> = std::env::args().collect();
    let sources = Sources::default();
    let keyring = Arc::new(fitout::syntax::vault::Keyring::default());
    let mut d = Diags::default();
    let inv = fitout::syntax::inventory::load(&[a[2].clone()], &sources, &keyring, &mut d);
    let o = fitout::resolve::CompileOptions::new(&a[1], Arc::clone(&keyring), sources.clone());
    let t = std::time::Instant::now();
    let c = match fitout::resolve::compile(&o) {
        Ok(c) => c,
        Err(d) => {
            for x in d.into_sorted() {
                println!("{}", x.render(&sources, false));
            }
            std::process::exit(3)
        }
    };
    eprintln!("compile {:?}", t.elapsed());
    let work = Work {
        program: c.program,
        includer: c.includer,
        inventory: Arc::new(inv),
        engine: Arc::new(fitout::eval::Engine::new(sources)),
        keyring,
        redactor: Arc::default(),
    };
    let mut ro = RunOptions::default();
    if a.get(3).is_some_and(|x| x == "plan") {
        ro.mode = Mode::Plan;
        ro.diff = true;
    }
    let r = run(ro, work, Arc::new(P), Cancel::default()).await;
    eprintln!("{:?} {:?}", r.map(|r| (r.changes, r.failed)), t.elapsed());
}
