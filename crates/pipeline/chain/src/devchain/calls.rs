//! Simulated calls: `eth_call`, `eth_estimateGas`, `eth_createAccessList`.

use alloy_eips::BlockId;
use alloy_eips::eip2930::{AccessList, AccessListItem, AccessListResult};
use alloy_primitives::{B256, TxKind, U64, U256};
use alloy_rpc_types_eth::state::StateOverride;
use alloy_rpc_types_eth::{BlockOverrides, TransactionRequest};
use revm::context::BlockEnv;
use revm::context::result::{HaltReason, ResultAndState};
use revm::precompile::Precompiles;
use revm::state::EvmState;
use serde_json::Value;

use super::Inner;
use super::block;
use super::execute::{self, Checks, TRANSACTION_GAS_CAP};
use super::methods::{Params, to_json};
use super::rpc_error::RpcError;
use super::view::View;

/// The most gas that a simulated call may use.
const CALL_GAS_CAP: u64 = 50_000_000;
/// What a nested call keeps back for its caller's stipend.
const CALL_STIPEND: u64 = 2_300;

/// A call with the state and the block that it sees.
struct Simulation<'a> {
    request: TransactionRequest,
    view: View<'a>,
    environment: BlockEnv,
    chain_id: u64,
}

impl Inner {
    pub(super) fn call(&self, params: &Params<'_>) -> Result<Value, RpcError> {
        let simulation = self.simulation(params, BlockId::latest())?;
        simulation.check_balance("insufficient funds for gas * price + value")?;
        let gas = simulation.request.gas.unwrap_or(CALL_GAS_CAP).min(CALL_GAS_CAP);
        to_json(execute::output(simulation.run(gas)?.result)?)
    }

    pub(super) fn estimate_gas(&self, params: &Params<'_>) -> Result<Value, RpcError> {
        let simulation = self.simulation(params, BlockId::pending())?;
        to_json(U64::from(simulation.estimate(self.config.block_gas_limit)?))
    }

    /// The least gas limit of a transaction in the next block.
    pub(super) fn estimate(&self, request: TransactionRequest) -> Result<u64, RpcError> {
        let simulation = Simulation {
            request,
            view: View::new(&self.state),
            environment: block::environment(&self.pending()),
            chain_id: self.config.chain_id,
        };
        simulation.estimate(self.config.block_gas_limit)
    }

    /// The accounts and slots that a call touches beyond those that cost nothing to touch, and what
    /// the call costs with that list.
    pub(super) fn create_access_list(&self, params: &Params<'_>) -> Result<Value, RpcError> {
        let mut simulation = self.simulation(params, BlockId::pending())?;
        let cap = simulation.request.gas.unwrap_or(TRANSACTION_GAS_CAP).min(TRANSACTION_GAS_CAP);
        let from = simulation.request.from.unwrap_or_default();
        let to = match simulation.request.to {
            Some(TxKind::Call(to)) => to,
            _ => from.create(simulation.view.nonce(from)),
        };
        let free = |address| address == from || address == to || Precompiles::osaka().contains(&address);
        let coinbase = simulation.environment.beneficiary;
        let mut list = Vec::new();
        for (address, account) in ordered(simulation.run(cap)?.state) {
            let mut keys: Vec<B256> = account.storage.into_keys().map(B256::from).collect();
            keys.sort_unstable();
            // The fees go to the block's beneficiary, which is no access of the call's.
            if keys.is_empty() && (free(address) || address == coinbase) {
                continue;
            }
            list.push(AccessListItem { address, storage_keys: keys });
        }
        simulation.request.access_list = Some(AccessList(list.clone()));
        let result = simulation.run(cap)?.result;
        let error = match execute::output(result.clone()) {
            Ok(_) => None,
            Err(error) => Some(error.message),
        };
        to_json(AccessListResult { access_list: AccessList(list), gas_used: U256::from(result.tx_gas_used()), error })
    }

    /// Reads a call, the block that it names, and what is to be otherwise in it.
    fn simulation(&self, params: &Params<'_>, default: BlockId) -> Result<Simulation<'_>, RpcError> {
        let request: TransactionRequest = params.get(0, "transaction")?;
        let id = if params.missing(1) { default } else { params.get(1, "block")? };
        let (mut view, mut header) = self.view(id)?;
        if id.is_pending() {
            header = self.pending();
        }
        let mut environment = block::environment(&header);
        if !params.missing(2) {
            view.change(params.get::<StateOverride>(2, "state overrides")?)?;
        }
        if !params.missing(3) {
            change_block(&mut environment, &params.get(3, "block overrides")?)?;
        }
        Ok(Simulation { request, view, environment, chain_id: self.config.chain_id })
    }
}

impl Simulation<'_> {
    fn run(&self, gas: u64) -> Result<ResultAndState<HaltReason>, RpcError> {
        let transaction = execute::call_env(&self.request, gas, self.chain_id);
        execute::run(&self.view, self.chain_id, self.environment.clone(), transaction, Checks::Simulation)
    }

    fn check_balance(&self, message: &str) -> Result<(), RpcError> {
        let balance = self.view.balance(self.request.from.unwrap_or_default());
        if self.request.value.unwrap_or_default() > balance {
            return Err(RpcError::rejected(message));
        }
        Ok(())
    }

    /// The least gas limit with which the transaction succeeds: exactly what it used where that
    /// suffices, else to within 1.5%, by bisection like geth's.
    fn estimate(&self, block_gas_limit: u64) -> Result<u64, RpcError> {
        self.check_balance("insufficient funds for transfer")?;
        // An error here is a limit below what the transaction costs in any case.
        let enough = |gas: u64| self.run(gas).is_ok_and(|ran| ran.result.is_success());
        let cap = TRANSACTION_GAS_CAP.min(block_gas_limit);
        let mut high = self.request.gas.unwrap_or(cap).min(cap);
        let result = self.run(high)?.result;
        let used = result.tx_gas_used();
        let spent = result.gas().total_gas_spent();
        if matches!(&result, revm::context::result::ExecutionResult::Halt { reason: HaltReason::OutOfGas(_), .. }) {
            return Err(RpcError::refused(format!("gas required exceeds allowance ({high})")));
        }
        execute::output(result)?;
        if enough(used) {
            return Ok(used);
        }
        let mut low = used;
        // Likely to suffice: what was spent before refunds, and the 1/64 that a call keeps back.
        let mut middle = (spent + CALL_STIPEND).saturating_mul(64) / 63;
        while low + 1 < high && (high - low) as f64 / high as f64 > 0.015 {
            if middle >= high || middle <= low {
                middle = low + (high - low) / 2;
            }
            if enough(middle) {
                high = middle;
            } else {
                low = middle;
            }
            middle = low + (high - low) / 2;
        }
        Ok(high)
    }
}

/// The accounts in an order that no hash map decides.
fn ordered(state: EvmState) -> std::collections::BTreeMap<alloy_primitives::Address, revm::state::Account> {
    state.into_iter().collect()
}

fn change_block(environment: &mut BlockEnv, overrides: &BlockOverrides) -> Result<(), RpcError> {
    if overrides.block_hash.is_some() || overrides.beacon_root.is_some() || overrides.blob_base_fee.is_some() {
        return Err(RpcError::params(
            "the dev chain overrides a block's number, time, gasLimit, coinbase, random, difficulty and baseFee only",
        ));
    }
    environment.number = overrides.number.unwrap_or(environment.number);
    environment.timestamp = overrides.time.map_or(environment.timestamp, U256::from);
    environment.gas_limit = overrides.gas_limit.unwrap_or(environment.gas_limit);
    environment.beneficiary = overrides.coinbase.unwrap_or(environment.beneficiary);
    environment.prevrandao = overrides.random.or(environment.prevrandao);
    environment.difficulty = overrides.difficulty.unwrap_or(environment.difficulty);
    if let Some(fee) = overrides.base_fee {
        environment.basefee =
            u64::try_from(fee).map_err(|_| RpcError::params("the base fee is more than 64 bits hold"))?;
    }
    Ok(())
}
