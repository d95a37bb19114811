//! Asking and updating name servers (RFC 1035, 2136, 8945), with the messages
//! of `domain`. One exchange at a time: nothing is cached, nothing is sent twice.

use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr as _,
    time::Duration,
};

use domain::base::{
    Message, MessageBuilder, Name, Record, Rtype, Ttl, UnknownRecordData,
    iana::{Class, Opcode, Rcode},
    name::ToName,
    rdata::ComposeRecordData,
    scan::IterScanner,
};
use domain::rdata::{AllRecordData, ZoneRecordData, tsig::Time48};
use domain::tsig::{Algorithm, ClientTransaction, Key, KeyName, ValidationError};
use lifeboat_core::model::{Dur, clean_line};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
};

use super::guard;

pub type DnsName = Name<Vec<u8>>;
type Data = ZoneRecordData<Vec<u8>, DnsName>;

#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// Nothing left this machine.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("no answer within {0}")]
    TimedOut(Dur),
    #[error("the connection was cut: {0}")]
    Cut(String),
    #[error("what came back is no answer: {0}")]
    Garbled(String),
    /// Its answer, which says that nothing was done.
    #[error("it answers {0}")]
    Said(String),
    /// What had to be so is not.
    #[error("it answers {0}: what must be so before is not so")]
    Unlike(String),
}

/// `HOST`, `HOST:PORT`, `[V6]:PORT`; port 53 where none is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameServer {
    host: String,
    port: u16,
}

impl NameServer {
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no name server: write host or host:port");
        let (host, port) = match text.rsplit_once(':') {
            _ if text.parse::<IpAddr>().is_ok() => (text, 53),
            Some((host, port)) => (host, port.parse().map_err(|_| wrong())?),
            None => (text, 53),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
            true => Err(wrong()),
            false => Ok(Self { host: host.to_owned(), port }),
        }
    }
    async fn address(&self) -> Result<SocketAddr, DnsError> {
        let unreachable = |e: &dyn fmt::Display| DnsError::Unreachable(e.to_string());
        if let Ok(ip) = self.host.parse() {
            guard::check_address(ip).map_err(|refusal| unreachable(&std::io::Error::other(refusal)))?;
            return Ok(SocketAddr::new(ip, self.port));
        }
        let all = guard::resolve(&self.host, self.port).await.map_err(|e| unreachable(&e))?;
        all.first().copied().ok_or_else(|| unreachable(&"the name has no address"))
    }
}
impl fmt::Display for NameServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.port, self.host.contains(':')) {
            (53, _) => f.write_str(&self.host),
            (port, true) => write!(f, "[{}]:{port}", self.host),
            (port, false) => write!(f, "{}:{port}", self.host),
        }
    }
}

/// All records of one name and type; empty where there are none.
#[derive(Debug, Clone, Default)]
pub struct RecordSet {
    pub ttl: Option<u32>,
    /// As a person reads them.
    pub texts: BTreeSet<String>,
    /// As they are compared: in canonical form, on the wire.
    wire: BTreeSet<Vec<u8>>,
    /// Of what a person wrote: as it is sent.
    data: Vec<Data>,
}

impl PartialEq for RecordSet {
    /// The time to live is no part of what a record says.
    fn eq(&self, other: &Self) -> bool {
        self.wire == other.wire
    }
}

impl RecordSet {
    /// From what a person wrote, one text a record.
    pub fn parse(ty: Rtype, texts: &[String]) -> Result<Self, String> {
        let mut set = Self::default();
        for text in texts {
            let wrong = |why: String| format!("{text:?} is no {ty} record: {why}");
            let mut scanner = IterScanner::<_, Vec<u8>>::new(tokens(ty, text));
            let data = Data::scan(ty, &mut scanner).map_err(|e| wrong(e.to_string()))?;
            if !scanner.is_exhausted() {
                return Err(wrong("there is more behind it".to_owned()));
            }
            set.wire.insert(canonical(&data)?);
            set.texts.insert(data.to_string());
            set.data.push(data);
        }
        Ok(set)
    }
    pub fn is_empty(&self) -> bool {
        self.wire.is_empty()
    }
}
impl fmt::Display for RecordSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_empty() {
            true => f.write_str("nothing"),
            false => f.write_str(&clean_line(&self.texts.iter().cloned().collect::<Vec<_>>().join(", "))),
        }
    }
}

/// A text is one token where it is not written in quotes.
fn tokens(ty: Rtype, text: &str) -> Vec<String> {
    if text.contains('"') {
        return text.split('"').skip(1).step_by(2).map(escaped).collect();
    }
    match ty {
        Rtype::TXT => vec![escaped(text)],
        _ => text.split_whitespace().map(str::to_owned).collect(),
    }
}

fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| (c == ' ').then_some('\\').into_iter().chain([c])).collect()
}

fn canonical(data: &impl ComposeRecordData) -> Result<Vec<u8>, String> {
    let mut wire = Vec::new();
    data.compose_canonical_rdata(&mut wire).map_err(|_| "a record is too long".to_owned())?;
    Ok(wire)
}

pub fn name(text: &str) -> Result<DnsName, String> {
    DnsName::from_str(text).map_err(|e| format!("{text:?} is no name: {e}"))
}

pub fn record_type(text: &str) -> Result<Rtype, String> {
    let ty =
        Rtype::from_str(&text.to_ascii_uppercase()).map_err(|_| format!("{text:?} is no record type"))?;
    match ty {
        Rtype::ANY | Rtype::AXFR | Rtype::IXFR | Rtype::TSIG | Rtype::OPT => {
            Err(format!("{text:?} is no type of a record that can be kept"))
        }
        ty => Ok(ty),
    }
}

/// A key, as `tsig-keygen` writes it or as `hmac-sha256:NAME:BASE64`. No error
/// repeats any of it.
pub fn tsig_key(text: &str) -> Result<Key, String> {
    use base64::Engine as _;
    let wrong = |why: &str| format!("the TSIG key cannot be read: {why}");
    let (algorithm, name, secret) = match text.trim().strip_prefix("key") {
        Some(rest) => {
            let (name, body) = rest.split_once('{').ok_or_else(|| wrong("no `{` in it"))?;
            let field = |key: &str| {
                let after = body.split_once(key)?.1;
                Some(after.split_once(';')?.0.trim().trim_matches('"').to_owned())
            };
            let need = |key: &str| field(key).ok_or_else(|| wrong(&format!("no `{key}` in it")));
            (need("algorithm")?, name.trim().trim_matches('"').to_owned(), need("secret")?)
        }
        None => {
            let mut parts = text.trim().splitn(3, ':').map(str::to_owned);
            let mut part = || parts.next().ok_or_else(|| wrong("write hmac-sha256:NAME:BASE64"));
            (part()?, part()?, part()?)
        }
    };
    let algorithm = algorithm.trim_end_matches('.').to_ascii_lowercase();
    let algorithm = Algorithm::from_str(&algorithm).map_err(|_| wrong("its algorithm is not known"))?;
    let name = KeyName::from_str(&name).map_err(|_| wrong("its name is no name"))?;
    let secret = base64::engine::general_purpose::STANDARD.decode(secret.trim());
    let secret = secret.map_err(|_| wrong("its secret is no base64"))?;
    Key::new(algorithm, &secret, name, None, None).map_err(|e| wrong(&e.to_string()))
}

/// What one server answers; an answer without a record is an empty set, and
/// any answer but NOERROR is an error.
pub async fn lookup(
    server: &NameServer,
    of: &DnsName,
    ty: Rtype,
    within: Dur,
) -> Result<RecordSet, DnsError> {
    let address = server.address().await?;
    let id = fastrand::u16(..);
    let mut builder = MessageBuilder::new_vec();
    builder.header_mut().set_id(id);
    builder.header_mut().set_rd(true);
    let mut question = builder.question();
    question.push((of, ty, Class::IN)).map_err(|_| DnsError::Garbled("the name is too long".to_owned()))?;
    let query = question.finish();
    let exchange = async {
        let answer = by_udp(address, &query, id).await?;
        let cut = Message::from_octets(answer.clone()).is_ok_and(|m| m.header().tc());
        if cut { by_tcp(address, &query, id).await } else { Ok(answer) }
    };
    let answer = tokio::time::timeout(within.to_std(), exchange).await;
    records(&answer.map_err(|_| DnsError::TimedOut(within))??, of, ty)
}

fn records(answer: &[u8], of: &DnsName, ty: Rtype) -> Result<RecordSet, DnsError> {
    let garbled = |e: &dyn fmt::Display| DnsError::Garbled(e.to_string());
    let message = Message::from_octets(answer).map_err(|e| garbled(&e))?;
    let asked = message.first_question().ok_or_else(|| garbled(&"it repeats no question"))?;
    if !asked.qname().name_eq(of) || asked.qtype() != ty {
        return Err(garbled(&"it answers another question"));
    }
    match message.header().rcode() {
        Rcode::NOERROR => {}
        Rcode::NXDOMAIN => return Ok(RecordSet::default()),
        other => return Err(DnsError::Said(other.to_string())),
    }
    let mut set = RecordSet::default();
    let answers = message.answer().map_err(|e| garbled(&e))?;
    for record in answers.limit_to_in::<AllRecordData<_, _>>() {
        let record = record.map_err(|e| garbled(&e))?;
        if record.rtype() != ty || !record.owner().name_eq(of) {
            continue;
        }
        set.ttl = Some(set.ttl.map_or(record.ttl().as_secs(), |t| t.min(record.ttl().as_secs())));
        set.texts.insert(record.data().to_string());
        set.wire.insert(canonical(record.data()).map_err(|e| garbled(&e))?);
    }
    Ok(set)
}

async fn by_udp(address: SocketAddr, query: &[u8], id: u16) -> Result<Vec<u8>, DnsError> {
    let unreachable = |e: std::io::Error| DnsError::Unreachable(e.to_string());
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await.map_err(unreachable)?;
    socket.connect(address).await.map_err(unreachable)?;
    // A lost packet is asked for again: a question changes nothing.
    loop {
        socket.send(query).await.map_err(unreachable)?;
        let mut buffer = vec![0; 4096];
        let again = tokio::time::timeout(Duration::from_millis(700), async {
            loop {
                let n = socket.recv(&mut buffer).await.map_err(unreachable)?;
                if n >= 12 && buffer[..2] == id.to_be_bytes() {
                    return Ok(n);
                }
            }
        });
        if let Ok(n) = again.await {
            buffer.truncate(n?);
            return Ok(buffer);
        }
    }
}

async fn by_tcp(address: SocketAddr, message: &[u8], id: u16) -> Result<Vec<u8>, DnsError> {
    let mut stream = TcpStream::connect(address).await.map_err(|e| DnsError::Unreachable(e.to_string()))?;
    told(&mut stream, message, id).await
}

async fn told(stream: &mut TcpStream, message: &[u8], id: u16) -> Result<Vec<u8>, DnsError> {
    let cut = |e: std::io::Error| DnsError::Cut(e.to_string());
    let length = u16::try_from(message.len()).map_err(|_| DnsError::Garbled("it is too long".to_owned()))?;
    let framed = [&length.to_be_bytes()[..], message].concat();
    stream.write_all(&framed).await.map_err(cut)?;
    let length = stream.read_u16().await.map_err(cut)?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await.map_err(cut)?;
    match answer.len() >= 12 && answer[..2] == id.to_be_bytes() {
        true => Ok(answer),
        false => Err(DnsError::Garbled("it answers another message".to_owned())),
    }
}

/// What must be so before an update.
#[derive(Debug, Clone)]
pub enum Require {
    /// Exactly these records; of an empty set: none at all.
    Is(DnsName, Rtype, RecordSet),
    Any(DnsName, Rtype),
}

/// All records of one name and type become `to`, if all of `require` is so.
#[derive(Debug, Clone)]
pub struct Update {
    pub zone: DnsName,
    pub name: DnsName,
    pub ty: Rtype,
    pub ttl: u32,
    pub to: RecordSet,
    pub require: Vec<Require>,
}

impl Update {
    /// Over TCP, once: a connection that was refused has changed nothing.
    pub async fn send(&self, server: &NameServer, key: Option<&Key>, within: Dur) -> Result<(), DnsError> {
        let id = fastrand::u16(..);
        let (message, signed) = self.message(id, key).map_err(DnsError::Unreachable)?;
        let address = server.address().await?;
        let late = || DnsError::TimedOut(within);
        let connect = tokio::time::timeout(within.to_std(), TcpStream::connect(address));
        let stream = connect.await.map_err(|_| DnsError::Unreachable(late().to_string()))?;
        let mut stream = stream.map_err(|e| DnsError::Unreachable(e.to_string()))?;
        let answer = tokio::time::timeout(within.to_std(), told(&mut stream, &message, id));
        verdict(answer.await.map_err(|_| late())??, signed)
    }

    fn message(
        &self,
        id: u16,
        key: Option<&Key>,
    ) -> Result<(Vec<u8>, Option<ClientTransaction<Key>>), String> {
        let long = |_| "the update is too long".to_owned();
        let mut builder = MessageBuilder::new_vec();
        builder.header_mut().set_id(id);
        builder.header_mut().set_opcode(Opcode::UPDATE);
        let mut zone = builder.question();
        zone.push((&self.zone, Rtype::SOA, Class::IN)).map_err(long)?;
        let none = |ty| UnknownRecordData::from_octets(ty, Vec::new()).map_err(|e| e.to_string());
        let mut before = zone.answer();
        for require in &self.require {
            match require {
                Require::Any(name, ty) => {
                    before.push(Record::new(name, Class::ANY, Ttl::ZERO, none(*ty)?)).map_err(long)?;
                }
                Require::Is(name, ty, set) if set.is_empty() => {
                    before.push(Record::new(name, Class::NONE, Ttl::ZERO, none(*ty)?)).map_err(long)?;
                }
                Require::Is(name, ty, set) => {
                    for wire in &set.wire {
                        let data = UnknownRecordData::from_octets(*ty, wire.as_slice())
                            .map_err(|e| e.to_string())?;
                        before.push(Record::new(name, Class::IN, Ttl::ZERO, data)).map_err(long)?;
                    }
                }
            }
        }
        let mut update = before.authority();
        update.push(Record::new(&self.name, Class::ANY, Ttl::ZERO, none(self.ty)?)).map_err(long)?;
        for data in &self.to.data {
            update.push(Record::new(&self.name, Class::IN, Ttl::from_secs(self.ttl), data)).map_err(long)?;
        }
        let mut last = update.additional();
        let signed = key.map(|key| ClientTransaction::request(key.clone(), &mut last, Time48::now()));
        Ok((last.finish(), signed.transpose().map_err(long)?))
    }
}

/// An answer that is not signed as the request was is nobody's answer, unless
/// it says that the key itself was refused.
fn verdict(answer: Vec<u8>, signed: Option<ClientTransaction<Key>>) -> Result<(), DnsError> {
    let garbled = |e: &dyn fmt::Display| DnsError::Garbled(e.to_string());
    let mut message = Message::from_octets(answer).map_err(|e| garbled(&e))?;
    let rcode = message.header().rcode();
    if message.header().opcode() != Opcode::UPDATE || !message.header().qr() {
        return Err(garbled(&"it is no answer to an update"));
    }
    if let Some(signed) = signed {
        match signed.answer(&mut message, Time48::now()) {
            Ok(()) => {}
            // What it says is not proven, and it says that nothing was done.
            Err(
                e @ (ValidationError::ServerBadKey
                | ValidationError::ServerBadSig
                | ValidationError::ServerBadTime { .. }),
            ) => {
                return Err(DnsError::Said(format!("{rcode}: {e}")));
            }
            Err(ValidationError::ServerUnsigned) if rcode != Rcode::NOERROR => {
                return Err(DnsError::Said(format!("{rcode}, unsigned")));
            }
            Err(e) => return Err(garbled(&format!("{rcode}, and its signature does not hold: {e}"))),
        }
    }
    match rcode {
        Rcode::NOERROR => Ok(()),
        Rcode::NXDOMAIN | Rcode::YXDOMAIN | Rcode::NXRRSET | Rcode::YXRRSET => {
            Err(DnsError::Unlike(rcode.to_string()))
        }
        other => Err(DnsError::Said(other.to_string())),
    }
}
