//! Which of the kernel's functions an address is in, for those who debug drops.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

const SYMBOLS: &str = "/proc/kallsyms";
/// There are some hundred places that drop packets.
const MOST: usize = 4096;

/// Names of addresses. Each new one costs a look through all symbols of the kernel, some 200 ms, so a
/// thread of its own makes it: until then the name is not known.
#[derive(Debug)]
pub struct Symbols {
    /// `None`: the kernel does not say, or is asked.
    known: Arc<Mutex<HashMap<u64, Option<Box<str>>>>>,
    asked: Mutex<Option<Sender<u64>>>,
}

impl Default for Symbols {
    fn default() -> Self {
        Symbols::new()
    }
}

impl Symbols {
    /// Nothing is known yet. The thread ends with this.
    pub fn new() -> Symbols {
        let known = Arc::new(Mutex::new(HashMap::new()));
        let (asked, asking) = mpsc::channel();
        let learned = Arc::clone(&known);
        let learner = std::thread::Builder::new().name("symbols".into());
        let learner = learner.spawn(move || learn(&asking, &learned));
        if let Err(error) = &learner {
            tracing::debug!(%error, "drops are told without the code that made them");
        }
        Symbols {
            known,
            asked: Mutex::new(learner.is_ok().then_some(asked)),
        }
    }

    /// `name+0x1f`, with the module in brackets. Does not block. `None`: not known, or not yet.
    pub fn name(&self, address: u64) -> Option<String> {
        if address == 0 {
            return None;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = known.get(&address) {
            return name.as_deref().map(str::to_owned);
        }
        if known.len() < MOST {
            known.insert(address, None);
            let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(asked) = &*asked {
                // Had the thread ended, the name would stay unknown.
                let _ = asked.send(address);
            }
        }
        None
    }
}

fn learn(asking: &Receiver<u64>, known: &Mutex<HashMap<u64, Option<Box<str>>>>) {
    while let Ok(first) = asking.recv() {
        let addresses: Vec<u64> = std::iter::once(first).chain(asking.try_iter()).collect();
        let names = match File::open(SYMBOLS) {
            Ok(file) => look_up(BufReader::with_capacity(64 << 10, file), &addresses),
            Err(error) => {
                tracing::debug!(%error, "cannot read {SYMBOLS}");
                continue;
            }
        };
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        for (address, name) in addresses.into_iter().zip(names) {
            known.insert(address, name.map(String::into_boxed_str));
        }
    }
}

/// The function with the highest address that is not beyond each of these. The list is in no order.
fn look_up(mut symbols: impl BufRead, addresses: &[u64]) -> Vec<Option<String>> {
    let mut best: Vec<Option<(u64, String)>> = vec![None; addresses.len()];
    let mut line = String::new();
    loop {
        line.clear();
        match symbols.read_line(&mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        // address type name [module]
        let mut words = line.split_ascii_whitespace();
        let begin = words.next().and_then(|w| u64::from_str_radix(w, 16).ok());
        // Who may not see addresses sees zeros.
        let Some(begin) = begin.filter(|begin| *begin != 0) else {
            continue;
        };
        if !matches!(words.next(), Some("t" | "T" | "w" | "W")) {
            continue;
        }
        for (address, best) in addresses.iter().zip(&mut best) {
            let better = best.as_ref().is_none_or(|(known, _)| *known < begin);
            if begin <= *address && better {
                let rest: Vec<&str> = words.clone().collect();
                *best = Some((begin, rest.join(" ")));
            }
        }
    }
    let named = addresses.iter().zip(best).map(|(address, best)| {
        let (begin, name) = best?;
        let (name, module) = name.split_once(' ').unwrap_or((&name, ""));
        let gap = if module.is_empty() { "" } else { " " };
        Some(format!("{name}+{:#x}{gap}{module}", address - begin))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIST: &str = "\
ffffffff81000000 T _text
ffffffffc0001000 t nft_do_chain\t[nf_tables]
ffffffff81a00000 T tcp_v4_rcv
ffffffff81a00800 D tcp_hashinfo
ffffffff81a01000 t tcp_v6_rcv
";

    #[test]
    fn the_function_before_an_address_is_named() {
        let asked = [
            0xffff_ffff_81a0_0810,
            0xffff_ffff_81a0_1000,
            0xffff_ffff_c000_1010,
            0xffff_ffff_8000_0000,
        ];
        let names = look_up(LIST.as_bytes(), &asked);
        let names: Vec<_> = names.iter().map(Option::as_deref).collect();
        let module = Some("nft_do_chain+0x10 [nf_tables]");
        let expected = [
            Some("tcp_v4_rcv+0x810"),
            Some("tcp_v6_rcv+0x0"),
            module,
            None,
        ];
        assert_eq!(names, expected);
        let hidden = look_up("0000000000000000 T tcp_v4_rcv\n".as_bytes(), &asked);
        assert_eq!(hidden, [None, None, None, None]);
    }

    #[test]
    fn this_kernels_functions_are_learned_without_waiting() {
        let list = std::fs::read_to_string(SYMBOLS).unwrap_or_default();
        let line = list
            .lines()
            .find(|line| line.ends_with(" T kfree_skb_list_reason"));
        let line = line.or_else(|| list.lines().find(|line| line.ends_with(" T tcp_v4_rcv")));
        let begin = line.and_then(|line| u64::from_str_radix(line.split(' ').next()?, 16).ok());
        let Some(begin) = begin.filter(|begin| *begin != 0) else {
            eprintln!("SKIPPED: this kernel does not tell addresses of functions");
            return;
        };
        let symbols = Symbols::new();
        assert_eq!(symbols.name(begin + 4), None, "not yet");
        let mut name = None;
        for _ in 0..500 {
            name = symbols.name(begin + 4);
            if name.is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(name.unwrap().ends_with("+0x4"));
    }
}
